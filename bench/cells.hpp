/// All rows, by the thing they measure. Cells refer to the files and prompts they are given.
#pragma once

#include "harness.hpp"
#include "memory.hpp"
#include "records.hpp"
#include "semantic.hpp"

#include <vector>

namespace cortex::bench {

/// Writes, reads and mixes of both by 1 to 1,000 threads; pipelined writes; reads in one snapshot.
[[nodiscard]] std::vector<cell> storage_cells(const record_files& files);
/// Blocking calls, messages without an answer, asks in flight.
[[nodiscard]] std::vector<cell> messaging_cells();
/// The original's stress tests: documented shape, ten times as long, sustained.
[[nodiscard]] std::vector<cell> original_cells(const record_files& files, const corpus& prompts);
/// Progress: updates of one bar, the original's stress tests.
[[nodiscard]] std::vector<cell> progress_cells();
/// The context memory: its stress test, searches among more and more entries.
/// @param most_entries of the largest memory; a million take some ten seconds to make and to open
[[nodiscard]] std::vector<cell> memory_cells(memory_files& files, std::size_t most_entries);

} // namespace cortex::bench
