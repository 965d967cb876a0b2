/// Tables for people and one JSON document for programs.
#pragma once

#include "goals.hpp"
#include "machine.hpp"
#include "runner.hpp"

#include <ostream>
#include <string>
#include <vector>

namespace cortex::bench {

/// What one run was.
struct run_report {
  machine where;
  versions with;
  run_options options;
  std::size_t prompts_found = 0;
  std::vector<row_result> rows;
  std::vector<goal_result> goals;
};

/// Names the processor, the versions and the columns.
void print_header(std::ostream& out, const run_report& report);
/// The rows of one cell, each beside the best rival of that cell.
void print_cell(std::ostream& out, const std::vector<row_result>& rows);
/// Rows in bytes.
void print_footprints(std::ostream& out, const std::vector<row_result>& rows);
/// The original's tests: ours, the stand-in beside it, and the Python figure for context.
void print_original(std::ostream& out, const std::vector<row_result>& rows);
/// How busy others kept the machine: in a busy run, designs that never sleep look better.
void print_noise(std::ostream& out, const run_report& report);
void print_goals(std::ostream& out, const run_report& report);
void write_json(std::ostream& out, const run_report& report);

} // namespace cortex::bench
