#include "cells.hpp"

#include "config.hpp"
#include "crowd.hpp"
#include "kv.hpp"
#include "messaging.hpp"
#include "ours.hpp"
#include "rivals/locked_progress.hpp"
#include "rivals/pooled_context_memory.hpp"
#include "rivals/pooled_limits.hpp"
#include "rivals/pooled_response_cache.hpp"
#include "rivals/pooled_semantic_cache.hpp"
#include "rivals/rewritten_preferences.hpp"
#include "rivals/services.hpp"
#include "rivals/stores.hpp"

#include <string>
#include <utility>

namespace cortex::bench {
namespace {

constexpr std::size_t pipeline_depth = 4096;

struct named_store {
  std::string name;
  role kind;
  store_maker maker;
};

/// The designs that every storage cell compares.
std::vector<named_store> stores() {
  return {{"mutex", role::rival, open_mutex_store},
          {"connection_per_thread", role::rival, open_per_thread_store},
          {"pool_of_5", role::rival, open_pool_store},
          {"sqlitecpp_pool_of_5", role::rival, open_sqlitecpp_store},
          {"cortex", role::ours, open_cortex_store}};
}

/// The same with a file that no other process may open.
std::vector<named_store> stores_and_exclusive() {
  auto designs = stores();
  designs.push_back({"cortex_exclusive", role::ours, open_cortex_exclusive_store});
  return designs;
}

template <class Wrap>
cell storage_cell(const std::string& name, unsigned threads,
                  const std::vector<named_store>& designs, Wrap wrap) {
  cell made{name + '/' + std::to_string(threads), threads, 0, 1, {}};
  for (const auto& each : designs)
    made.contenders.push_back({each.name, each.kind, wrap(each.maker)});
  return made;
}

/// The designs that can load many rows at once.
std::vector<named_store> loaders() {
  auto designs = stores();
  std::erase_if(designs, [](const auto& each) { return each.name == "sqlitecpp_pool_of_5"; });
  designs.push_back({"cortex_one_transaction", role::ours, open_cortex_whole_load_store});
  return designs;
}

/// `counted` threads, and one more that keeps them company.
template <class Wrap>
cell beside_cell(const std::string& name, unsigned counted, const std::vector<named_store>& designs,
                 Wrap wrap) {
  auto made = storage_cell(name, counted, designs, wrap);
  made.threads = counted + 1;
  return made;
}

/// One writer, and a reader that keeps the log from beginning anew.
cell stuck_reader_cell(const record_files& files) {
  cell made{"stuck_reader/1", 1, 0, 1, {}};
  made.contenders.push_back(
    {"sqlite_checkpoints_by_itself", role::rival, plain_writes_with_a_stuck_reader(files)});
  made.contenders.push_back(
    {"cortex_not_governed", role::ours, cortex_writes_with_a_stuck_reader(false, files)});
  made.contenders.push_back({"cortex", role::ours, cortex_writes_with_a_stuck_reader(true, files)});
  made.window_factor = 3;
  return made;
}

/// Equal callers over a longer time, for whom a short one would show only who began.
template <class Wrap>
cell fairness_cell(Wrap wrap) {
  auto made = storage_cell("fairness", 300,
                           {{"mutex", role::rival, open_mutex_store},
                            {"pool_of_5", role::rival, open_pool_store},
                            {"cortex", role::ours, open_cortex_store}},
                           wrap);
  made.window_factor = 5;
  return made;
}

cell pipelined_writes(unsigned producers, const record_files& files) {
  cell made{"write_pipelined/" + std::to_string(producers), producers, 0, 1, {}};
  made.contenders.push_back(
    {"raw_1024_a_transaction", role::limit, raw_writes(sync_level::normal, files)});
  made.contenders.push_back(
    {"cortex", role::ours, cortex_pipelined_writes(sync_level::normal, pipeline_depth, files)});
  return made;
}

cell kept_reads(const record_files& files) {
  cell made{"read_kept/1", 1, 0, 1, {}};
  made.contenders.push_back({"raw_in_one_transaction", role::limit, raw_reads(files)});
  made.contenders.push_back({"cortex", role::ours, point_reads(open_cortex_kept_snapshot, files)});
  return made;
}

struct named_service {
  std::string name;
  role kind;
  service_maker maker;
};

template <class Wrap>
cell messaging_cell(const std::string& name, unsigned threads, unsigned stride,
                    const std::vector<named_service>& designs, Wrap wrap) {
  cell made{name + '/' + std::to_string(threads), threads, 0, stride, {}};
  for (const auto& each : designs)
    made.contenders.push_back({each.name, each.kind, wrap(each.maker)});
  return made;
}

template <class Wrap>
cell crowd_cell(const std::string& name, Wrap wrap) {
  cell made{name + "/1", 1, 0, 0, {}};
  made.contenders.push_back({"caf", role::rival, wrap(make_caf_crowd)});
  made.contenders.push_back({"cortex", role::ours, wrap(make_cortex_crowd)});
  return made;
}

/// One thread that matches requests against the patterns.
cell pattern_cell() {
  cell made{"pattern_match/1", 1, 0, 16, {}};
  made.contenders.push_back(
    {"std_regex_one_by_one", role::rival, pattern_matching(make_regex_patterns)});
  made.contenders.push_back({"cortex", role::ours, pattern_matching(make_cortex_patterns)});
  return made;
}

/// As many operations as in the original's test, and ten times as many: no more answers than the
/// cache keeps.
void add_response_cells(std::vector<cell>& to, const corpus& prompts) {
  const std::vector<contender> contenders{
    {"original_in_cpp", role::rival, response_operations(open_pooled_response_cache, prompts)},
    {"cortex", role::ours, response_operations(open_cortex_response_cache, prompts)}};
  to.push_back({"response_mixed/documented", 300, 5, 1, contenders});
  to.push_back({"response_mixed/tenfold", 300, 50, 1, contenders});
}

/// The original's shape of a test, ten times it, and as long as the window.
void add_shapes(std::vector<cell>& to, const std::string& name, unsigned threads,
                std::uint64_t quota, const std::vector<contender>& contenders) {
  to.push_back({name + "/documented", threads, quota, 1, contenders});
  to.push_back({name + "/tenfold", threads, quota * 10, 1, contenders});
  to.push_back({name + "/sustained", threads, 0, 1, contenders});
}

/// Five saves and five gets of each thread, and ten times as many.
void add_limit_cells(std::vector<cell>& to) {
  const std::vector<contender> contenders{
    {"original_in_cpp", role::rival, limit_operations(open_pooled_limits)},
    {"cortex", role::ours, limit_operations(open_cortex_limits)}};
  to.push_back({"limits_saved/documented", 100, 10, 1, contenders});
  to.push_back({"limits_saved/tenfold", 100, 100, 1, contenders});
}

/// 450 operations on one file, ten times as many, and reads of what is in memory.
void add_config_cells(std::vector<cell>& to) {
  const std::vector<contender> saves{
    {"mutex_and_rename", role::rival, preference_operations(open_synced_preferences)},
    {"original_in_place_unsynced", role::rival, preference_operations(open_in_place_preferences)},
    {"cortex", role::ours, preference_operations(open_cortex_preferences)}};
  to.push_back({"config_saves/documented", 150, 3, 1, saves});
  to.push_back({"config_saves/tenfold", 150, 30, 1, saves});
  to.push_back({"config_reads/100",
                100,
                0,
                16,
                {{"mutex", role::rival, preference_reads(open_in_place_preferences)},
                 {"cortex", role::ours, preference_reads(open_cortex_preferences)}}});
}

} // namespace

std::vector<cell> storage_cells(const record_files& files) {
  const auto writes = [&files](sync_level level) {
    return [&files, level](const store_maker& maker) { return single_writes(maker, level, files); };
  };
  const auto reads = [&files](const store_maker& maker) { return point_reads(maker, files); };
  const auto mix
    = [&files](const store_maker& maker) { return mixed_reads_and_writes(maker, files); };
  const auto reads_beside
    = [&files](const store_maker& maker) { return reads_beside_a_writer(maker, files); };
  const auto writes_beside
    = [&files](const store_maker& maker) { return writes_beside_a_load(maker, files); };
  auto readers = stores();
  readers.push_back({"cortex_queued", role::ours, open_cortex_queued_store});

  std::vector<cell> cells;
  for (const unsigned threads : {1U, 8U, 64U, 300U, 1000U})
    cells.push_back(storage_cell("write_committed", threads,
                                 threads <= 64 ? stores_and_exclusive() : stores(),
                                 writes(sync_level::normal)));
  for (const unsigned threads : {8U, 64U, 300U, 1000U})
    cells.push_back(storage_cell("write_synced", threads, stores(), writes(sync_level::full)));
  for (const unsigned producers : {1U, 2U})
    cells.push_back(pipelined_writes(producers, files));
  for (const unsigned threads : {1U, 8U, 64U, 300U, 1000U})
    cells.push_back(storage_cell("read", threads, readers, reads));
  cells.push_back(kept_reads(files));
  for (const unsigned threads : {1U, 8U, 64U, 300U, 1000U})
    cells.push_back(
      storage_cell("mix", threads, threads <= 64 ? stores_and_exclusive() : stores(), mix));
  cells.push_back(fairness_cell(writes(sync_level::normal)));
  for (const unsigned readers_beside : {1U, 8U})
    cells.push_back(beside_cell("read_beside_writer", readers_beside, stores(), reads_beside));
  for (const unsigned writers : {1U, 8U})
    cells.push_back(beside_cell("write_beside_load", writers, loaders(), writes_beside));
  cells.push_back(stuck_reader_cell(files));
  return cells;
}

std::vector<cell> messaging_cells() {
  const named_service scheduled{"caf_scoped_actor", role::rival, start_caf_service};
  const named_service detached{"caf_scoped_actor_detached", role::rival,
                               start_caf_detached_service};
  const named_service fire_and_forget{"caf_anon_send", role::rival, start_caf_service};
  const named_service mutex_queue{"mutex_queue", role::rival, start_mutex_queue_service};
  const named_service locked{"no_messages_mutex", role::limit, start_locked_service};
  const named_service ours{"cortex", role::ours, start_cortex_service};

  const auto asks = [](std::size_t depth) {
    return [depth](const service_maker& maker) { return pipelined_asks(maker, depth); };
  };
  std::vector<cell> cells;
  for (const unsigned threads : {1U, 16U, 64U, 300U})
    cells.push_back(messaging_cell(
      "call", threads, 16, {scheduled, detached, mutex_queue, locked, ours}, blocking_calls));
  for (const unsigned threads : {1U, 16U})
    cells.push_back(
      messaging_cell("tell", threads, 0, {fire_and_forget, mutex_queue, ours}, fan_in));
  cells.push_back(messaging_cell("ask_4096_in_flight", 1, 16, {scheduled, mutex_queue, ours},
                                 asks(pipeline_depth)));
  const named_service coroutines{"cortex_coroutines", role::ours, start_cortex_coroutine_service};
  cells.push_back(messaging_cell("ask_100000_in_flight", 1, 16,
                                 {scheduled, mutex_queue, ours, coroutines}, asks(100'000)));
  cells.push_back(crowd_cell("actor_messages", messages_in_a_ring));
  cells.push_back(crowd_cell("actor_lives", short_lives));
  return cells;
}

std::vector<cell> original_cells(const record_files& files, const corpus& prompts) {
  const auto semantic = [&prompts](semantic_work work) {
    return std::vector<contender>{
      {"original_in_cpp", role::rival,
       semantic_operations(open_pooled_semantic_cache, work, prompts)},
      {"cortex", role::ours, semantic_operations(open_cortex_semantic_cache, work, prompts)}};
  };
  const auto pool = [&files](unsigned writes_of_ten) {
    return std::vector<contender>{
      {"original_in_cpp", role::rival,
       counting_reads_and_writes(open_pool_store, writes_of_ten, files)},
      {"cortex", role::ours, counting_reads_and_writes(open_cortex_store, writes_of_ten, files)},
      {"cortex_pool", role::ours,
       counting_reads_and_writes(open_cortex_pool_store, writes_of_ten, files)}};
  };
  std::vector<cell> cells;
  add_shapes(cells, "semantic_mixed", 300, 5, semantic(semantic_work::mixed));
  add_shapes(cells, "semantic_puts", 300, 5, semantic(semantic_work::puts));
  add_shapes(cells, "semantic_exact", 300, 5, semantic(semantic_work::exact));
  add_shapes(cells, "semantic_near", 300, 5, semantic(semantic_work::near));
  add_shapes(cells, "pool_reads", 20, 50, pool(0));
  add_shapes(cells, "pool_writes", 10, 20, pool(10));
  add_shapes(cells, "pool_mixed", 20, 50, pool(3));
  add_limit_cells(cells);
  add_config_cells(cells);
  add_response_cells(cells, prompts);
  cells.push_back(pattern_cell());
  add_shapes(cells, "pools_saved", 100, 10,
             {{"original_in_cpp", role::rival, saved_pools(open_pooled_registry)},
              {"cortex", role::ours, saved_pools(open_cortex_registry)}});
  for (const unsigned threads : {1U, 8U})
    cells.push_back({"kv_allocate/" + std::to_string(threads),
                     threads,
                     0,
                     1,
                     {{"mutex_and_malloc", role::rival, allocated_sequences(make_locked_blocks)},
                      {"cortex", role::ours, allocated_sequences(make_cortex_blocks)}}});
  return cells;
}

std::vector<cell> progress_cells() {
  std::vector<cell> cells;
  for (const unsigned threads : {1U, 8U})
    cells.push_back({"progress_updates/" + std::to_string(threads),
                     threads,
                     0,
                     0,
                     {{"mutex_and_print", role::rival, progress_positions(open_locked_bar)},
                      {"bare_atomic", role::limit, progress_positions(open_bare_counter)},
                      {"cortex", role::ours, progress_positions(open_cortex_display)}}});
  const std::vector<contender> singletons{
    {"original_in_cpp", role::rival, shared_indicators(locked_shared_indicator())},
    {"cortex", role::ours, shared_indicators(cortex_shared_indicator())}};
  cells.push_back({"progress_singleton/documented", 500, 1, 1, singletons});
  cells.push_back({"progress_singleton/tenfold", 500, 10, 1, singletons});
  const std::vector<contender> messages{
    {"original_in_cpp", role::rival, progress_messages(open_animated_display)},
    {"cortex", role::ours, progress_messages(open_cortex_display)}};
  cells.push_back({"progress_300/documented", 30, 10, 1, messages});
  cells.push_back({"progress_300/tenfold", 30, 100, 1, messages});
  return cells;
}

std::vector<cell> memory_cells(memory_files& files, std::size_t most_entries) {
  std::vector<cell> cells;
  const std::vector<contender> records{
    {"original_in_cpp", role::rival, memory_records(open_pooled_context_memory)},
    {"cortex", role::ours, memory_records(open_cortex_context_memory)}};
  cells.push_back({"memory_record/documented", 200, 3, 1, records});
  cells.push_back({"memory_record/tenfold", 200, 30, 1, records});
  for (const std::size_t entries : {1'000, 100'000, 1'000'000}) {
    if (entries > most_entries)
      break;
    cells.push_back(
      {"memory_similar/" + std::to_string(entries),
       1,
       0,
       1,
       {{"original_in_cpp", role::rival,
         memory_searches(open_pooled_context_memory, files, entries)},
        {"cortex", role::ours, memory_searches(open_cortex_context_memory, files, entries)}}});
  }
  return cells;
}

} // namespace cortex::bench
