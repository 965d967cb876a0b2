// The benchmark program: chooses rows, runs them, prints tables and the goals.
//
//   cortex_bench                                      everything, within five minutes
//   cortex_bench --quick                              within a minute, coarse
//   cortex_bench --only write_committed/64            one cell
//   cortex_bench --seconds 0.5 --repetitions 7 --json results.json

#include "cells.hpp"
#include "footprint.hpp"
#include "report.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <sodium.h>
#include <sqlite3.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <system_error>

#ifndef CORTEX_BENCH_VECTORS
#  define CORTEX_BENCH_VECTORS "tests/data/vectors"
#endif

namespace cortex::bench {
namespace {

struct arguments {
  run_options run;
  std::string parent;
  std::string json;
  std::string vectors;
  bool list = false;
  bool quick = false;
};

/// Removes the databases when the run ends, however it ends.
class scratch_directory {
public:
  explicit scratch_directory(const std::string& parent) : path_(make_scratch_directory(parent)) {}
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  ~scratch_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

std::string default_vectors() {
  const char* wanted = std::getenv("CORTEX_VECTORS");
  return wanted != nullptr ? wanted : CORTEX_BENCH_VECTORS;
}

void declare(CLI::App& app, arguments& into) {
  into.vectors = default_vectors();
  app.add_option("--json", into.json, "Write all samples to this file");
  app.add_option("--only", into.run.only, "Rows whose name contains or matches this pattern");
  app.add_option("--without", into.run.without, "Rows to leave out, in the same way");
  app.add_option("--seconds", into.run.seconds, "Length of a repetition (default: what fits)")
    ->check(CLI::PositiveNumber);
  app.add_option("--repetitions", into.run.repetitions, "Repetitions of each row (default 5)")
    ->check(CLI::Range(1, 1000));
  app.add_option("--dir", into.parent, "Where the databases go (default: a directory of its own)");
  app.add_option("--vectors", into.vectors, "Folder with semantic_cache.json, for its prompts");
  app.add_flag("--list", into.list, "Print the names of the rows and end");
  app.add_flag("--quick", into.quick,
               "In less than a minute, coarse; without tenfold rows and 1,000 threads");
}

std::vector<cell> all_cells(const record_files& files, memory_files& memories,
                            const corpus& prompts, const run_options& how) {
  // Rows with a fixed number of operations first: how long they take is least certain, and what
  // follows shares out the time that is left.
  auto cells = original_cells(files, prompts);
  // The largest memory only for who asks for it.
  std::size_t most_entries = how.coarse ? 1'000 : 100'000;
  if (how.only.starts_with("memory_similar/1000000"))
    most_entries = 1'000'000;
  for (auto& more : {progress_cells(), memory_cells(memories, most_entries), storage_cells(files),
                     messaging_cells()})
    cells.insert(cells.end(), more.begin(), more.end());
  return cells;
}

void print_names(const std::vector<cell>& cells) {
  for (const auto& where : cells)
    for (const auto& who : where.contenders)
      std::cout << row_name(where, who) << '\n';
}

/// Tells the first error of each row that had some.
void print_problems(const std::vector<row_result>& rows) {
  for (const auto& row : rows)
    for (const auto& each : row.samples)
      if (!each.problem.empty()) {
        std::cout << row.name << ": first error: " << each.problem << '\n';
        break;
      }
}

/// False if an acknowledged operation was lost by anybody, or one of ours failed. A rival's errors
/// are results: SQLITE_BUSY and time-outs are what its users get.
bool sound(const std::vector<row_result>& rows) {
  bool good = true;
  for (const auto& row : rows)
    if (row.lost() != 0 || (row.kind == role::ours && row.errors() != 0)) {
      std::cerr << row.name << ": " << row.lost() << " lost, " << row.errors() << " errors\n";
      good = false;
    }
  return good;
}

volatile std::sig_atomic_t interrupted = 0;

/// Ends the run between two repetitions on Ctrl-C or when nobody reads the tables any more, so that
/// the databases are removed.
void end_cleanly_on_signals() {
  const auto note = [](int) { interrupted = 1; };
  std::signal(SIGINT, note);
  std::signal(SIGTERM, note);
  std::signal(SIGPIPE, SIG_IGN);
}

void tell_progress(const std::string& line) {
  if (interrupted != 0 || !std::cout)
    throw std::runtime_error{"interrupted"};
  std::cerr << line << '\n';
}

int run_all(arguments& given) {
  if (given.list)
    given.run.repetitions = 0;
  const auto footprints = measure_footprints(given.run); // before this process has threads
  const scratch_directory directory{given.parent};
  const record_files files{directory.path()};
  const corpus prompts{std::filesystem::path{given.vectors} / "semantic_cache.json"};
  memory_files memories{directory.path()};
  const auto cells = choose(all_cells(files, memories, prompts, given.run), given.run);
  if (given.list) {
    print_names(cells);
    for (const auto& row : footprints)
      std::cout << row.name << '\n';
    return EXIT_SUCCESS;
  }
  if (cells.empty() && footprints.empty()) {
    std::cerr << "no row matches; --list prints their names\n";
    return EXIT_FAILURE;
  }

  given.run.directory = directory.path();
  run_report report{this_machine(), these_versions(), given.run, prompts.found(), {}, {}};
  print_header(std::cout, report);
  report.rows = run(cells, given.run, tell_progress,
                    [](const std::vector<row_result>& rows) { print_cell(std::cout, rows); });
  print_footprints(std::cout, footprints);
  report.rows.insert(report.rows.end(), footprints.begin(), footprints.end());
  report.goals = judge(report.rows);
  print_original(std::cout, report.rows);
  print_problems(report.rows);
  print_noise(std::cout, report);
  print_goals(std::cout, report);
  if (!given.json.empty()) {
    std::ofstream out{given.json};
    write_json(out, report);
    if (!out) {
      std::cerr << "cannot write " << given.json << '\n';
      return EXIT_FAILURE;
    }
  }
  return sound(report.rows) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int run_program(int argc, char** argv) {
  // Like the library at its first open, and for all designs alike: no global lock for statistics.
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  if (sodium_init() < 0)
    return EXIT_FAILURE;
  allow_many_files();
  end_cleanly_on_signals();

  arguments given;
  CLI::App app{"Measures Cortex Runtime beside what a program would use instead."};
  declare(app, given);
  CLI11_PARSE(app, argc, argv);
  if (given.quick) {
    given.run.coarse = true;
    given.run.limit_seconds = 45;
    if (app.count("--repetitions") == 0)
      given.run.repetitions = 2;
  }
  return run_all(given);
}

} // namespace
} // namespace cortex::bench

int main(int argc, char** argv) {
  try {
    return cortex::bench::run_program(argc, argv);
  } catch (const std::exception& problem) {
    std::cerr << "cortex_bench: " << problem.what() << '\n';
    return EXIT_FAILURE;
  }
}
