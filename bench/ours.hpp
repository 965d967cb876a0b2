/// The library's side of each workload, one file `ours_…` for each.
#pragma once

#include "cortex/expected.hpp"

#include "limits.hpp"
#include "memory.hpp"
#include "messaging.hpp"
#include "progress.hpp"
#include "records.hpp"
#include "responses.hpp"
#include "semantic.hpp"

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <utility>

namespace cortex::bench {

/// What was opened. Throws `std::runtime_error` if it was not.
template <class T>
T opened(expected<T> result) {
  if (!result)
    throw std::runtime_error{to_string(result.error())};
  return *std::move(result);
}

/// Blocking writes through the group-committing writer, reads on the caller's own thread.
[[nodiscard]] std::unique_ptr<record_store> open_cortex_store(const store_setting& where);
/// The same, but reads go to the reader threads and the caller waits for their future.
[[nodiscard]] std::unique_ptr<record_store> open_cortex_queued_store(const store_setting& where);
/// The same on a file that no other process may open.
[[nodiscard]] std::unique_ptr<record_store> open_cortex_exclusive_store(const store_setting& where);
/// The same, but a load is one transaction instead of slices.
[[nodiscard]] std::unique_ptr<record_store>
open_cortex_whole_load_store(const store_setting& where);
/// A connection of a pool of 5 borrowed for each operation.
[[nodiscard]] std::unique_ptr<record_store> open_cortex_pool_store(const store_setting& where);
/// Each thread keeps `depth` writes in flight.
[[nodiscard]] subject_maker cortex_pipelined_writes(sync_level level, std::size_t depth,
                                                    const record_files& files);
/// One thread writes while a snapshot is kept that nobody reads from any more.
/// @param governed false: its reader is never told to end
[[nodiscard]] subject_maker cortex_writes_with_a_stuck_reader(bool governed,
                                                              const record_files& files);
/// One thread looks records up in a snapshot that it keeps.
[[nodiscard]] std::unique_ptr<record_store> open_cortex_kept_snapshot(const store_setting& where);

/// A counter as a host writes its own actor.
[[nodiscard]] std::unique_ptr<counter_service> start_cortex_service(const setting& where);
/// The same, asked by one coroutine for each addition.
[[nodiscard]] std::unique_ptr<counter_service> start_cortex_coroutine_service(const setting& where);

[[nodiscard]] std::unique_ptr<semantic_store>
open_cortex_semantic_cache(const semantic_setting& where);

[[nodiscard]] std::unique_ptr<memory_store> open_cortex_context_memory(const memory_setting& where);

/// A bar, drawn as on a terminal.
[[nodiscard]] std::unique_ptr<progress_display> open_cortex_display();
/// The indicator of the process.
[[nodiscard]] shared_indicator cortex_shared_indicator();

[[nodiscard]] std::unique_ptr<limit_store> open_cortex_limits(const limit_setting& where);
[[nodiscard]] std::unique_ptr<response_store>
open_cortex_response_cache(const response_setting& where);
[[nodiscard]] std::unique_ptr<command_finder> make_cortex_patterns();

} // namespace cortex::bench
