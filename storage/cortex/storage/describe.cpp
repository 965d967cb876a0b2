// What databases and pools say of themselves in a report.

#include "cortex/storage/core.hpp"
#include "cortex/storage/pool_core.hpp"

namespace cortex::storage::detail {
namespace {

// SQLite's documentation, "WAL-mode File Format": a header and a frame around each page.
std::uint64_t wal_size(std::uint64_t pages, std::uint64_t page_bytes) noexcept {
  constexpr std::uint64_t header_bytes = 32;
  constexpr std::uint64_t frame_header_bytes = 24;
  return pages == 0 ? 0 : header_bytes + pages * (page_bytes + frame_header_bytes);
}

std::string_view name_of(lane which) noexcept {
  switch (which) {
    case lane::interactive: return "interactive";
    case lane::normal: return "normal";
    case lane::bulk: return "bulk";
    case lane::maintenance: return "maintenance";
  }
  return "unknown";
}

double seconds(std::chrono::nanoseconds time) noexcept {
  return std::chrono::duration<double>{time}.count();
}

// Series of one metric one after the other, as both forms of a report want them.
void tell(measure_list& to, const std::array<lane_stats, lane_count>& lanes) {
  auto each = [&lanes](auto add) {
    for (std::size_t i = 0; i < lane_count; ++i)
      add(lanes[i], measure_list::label{"lane", name_of(static_cast<lane>(i))});
  };
  each([&to](const lane_stats& of, measure_list::label which) {
    to.gauge("cortex_database_lane_waiting", "Writes that wait in the lane.", of.waiting, which);
  });
  each([&to](const lane_stats& of, measure_list::label which) {
    to.counter("cortex_database_lane_writes_total", "Writes of the lane that were acknowledged.",
               of.acknowledged, which);
  });
  each([&to](const lane_stats& of, measure_list::label which) {
    to.counter("cortex_database_lane_refused_total", "Writes refused at the lane's bound.",
               of.refused, which);
  });
}

// In both functions below all members are named: one that is added does not compile until it is
// told.

void tell(service_report& to, const database_stats& stats) {
  const auto& [path, commits, writes, failed_writes, slices, largest_group, reruns, waiting_writes,
               lanes, reads, reader_waits, queued_reads, checkpoints, log_resets, wal_pages,
               wal_bytes, foreign_changes, readers, pinned_by, commit_time, readers_named,
               readers_interrupted, slowed_groups, slowed_for]
    = stats;
  to.name = path;
  auto& m = to.measures;
  m.counter("cortex_database_commits_total", "Groups committed.", commits);
  m.counter("cortex_database_writes_total", "Writes acknowledged.", writes);
  m.counter("cortex_database_failed_writes_total", "Writes answered with an error.", failed_writes);
  m.counter("cortex_database_slices_total", "Slices of long writes that were committed.", slices);
  m.gauge("cortex_database_largest_group", "Writes in the largest group so far.", largest_group);
  m.counter("cortex_database_reruns_total", "Groups run again because a member failed.", reruns);
  m.gauge("cortex_database_waiting_writes", "Writes that wait in all lanes.", waiting_writes);
  tell(m, lanes);
  m.counter("cortex_database_reads_total", "Readers lent.", reads);
  m.counter("cortex_database_reader_waits_total", "Readers that had to be waited for.",
            reader_waits);
  m.gauge("cortex_database_queued_reads", "Reads that wait for a reader thread.", queued_reads);
  m.gauge("cortex_database_readers_busy", "Readers that are lent.",
          static_cast<std::uint64_t>(readers.size()));
  m.gauge("cortex_database_oldest_reader_seconds", "For how long the oldest reader has been lent.",
          readers.empty() ? std::chrono::nanoseconds{0} : readers.front().age);
  m.counter("cortex_database_checkpoints_total", "Times that the log was copied back in full.",
            checkpoints);
  m.counter("cortex_database_log_resets_total", "Times that the log began anew.", log_resets);
  m.gauge("cortex_database_wal_pages", "Length of the log after the last commit, in pages.",
          wal_pages);
  m.gauge("cortex_database_wal_bytes", "Length of the log after the last commit.", wal_bytes);
  m.counter("cortex_database_foreign_changes_total", "Changes by other programs that were noticed.",
            foreign_changes);
  m.counter("cortex_database_readers_named_total", "Readers warned of for the log they pinned.",
            readers_named);
  m.counter("cortex_database_readers_interrupted_total", "Readers told to end for that.",
            readers_interrupted);
  m.counter("cortex_database_slowed_groups_total", "Groups that had to wait for the log.",
            slowed_groups);
  m.counter("cortex_database_slowed_seconds_total", "Their waiting times together.", slowed_for);
  m.histogram("cortex_database_commit_seconds", "From BEGIN to the end of COMMIT of each group.",
              commit_time);
  to.details.push_back({"pinned_by", pinned_by});
  auto& rows = to.lists.emplace_back(service_report::list{"readers_at_work", {}}).rows;
  for (const auto& [owner, age] : readers)
    rows.push_back({{"owner", owner}, {"age_seconds", seconds(age)}});
}

void tell(service_report& to, const pool_stats& stats) {
  const auto& [path, size, idle, lent, waiting, waiting_writers, borrowed, waits, waited, timeouts,
               rollbacks_on_return, overdue_writes, replaced, mismatched_requests, holders]
    = stats;
  to.name = path;
  auto& m = to.measures;
  m.gauge("cortex_pool_size", "Connections.", std::uint64_t{size});
  m.gauge("cortex_pool_idle", "Connections that nobody has.", std::uint64_t{idle});
  m.gauge("cortex_pool_lent", "Connections on loan.", std::uint64_t{lent});
  m.gauge("cortex_pool_waiting", "Threads that wait for a connection.", std::uint64_t{waiting});
  m.gauge("cortex_pool_waiting_writers", "Borrowers that wait for the file's writer.",
          std::uint64_t{waiting_writers});
  m.counter("cortex_pool_borrowed_total", "Connections lent so far.", borrowed);
  m.counter("cortex_pool_waits_total", "Borrowers that had to wait.", waits);
  m.counter("cortex_pool_waited_seconds_total", "Their waiting times together.", waited);
  m.counter("cortex_pool_timeouts_total", "Borrowers that gave up, for a connection or the writer.",
            timeouts);
  m.counter("cortex_pool_rollbacks_on_return_total",
            "Transactions that were open when their connection came back.", rollbacks_on_return);
  m.counter("cortex_pool_overdue_writes_total", "Transactions undone at their limit.",
            overdue_writes);
  m.counter("cortex_pool_replaced_total", "Readers opened anew after they had failed.", replaced);
  m.counter("cortex_pool_mismatched_requests_total",
            "Requests for the pool with other options than its own.", mismatched_requests);
  auto& rows = to.lists.emplace_back(service_report::list{"holders", {}}).rows;
  for (const auto& [number, age, writing] : holders)
    rows.push_back(
      {{"number", std::uint64_t{number}}, {"age_seconds", seconds(age)}, {"writing", writing}});
}

} // namespace

database_stats database_core::stats() const {
  database_stats out;
  out.path = path_;
  if (writer_ != nullptr) {
    const auto& c = writer_->counters();
    out.commits = c.groups;
    out.writes = c.writes;
    out.failed_writes = c.failed;
    out.slices = c.slices;
    out.largest_group = c.largest;
    out.reruns = c.reruns;
    const auto& lanes = writer_->lanes();
    for (std::size_t i = 0; i < lane_count; ++i) {
      const auto which = static_cast<lane>(i);
      out.lanes[i] = {lanes.waiting(which), c.acknowledged[i], lanes.refused(which)};
      out.waiting_writes += out.lanes[i].waiting;
    }
    out.checkpoints = c.checkpoints;
    out.log_resets = c.log_resets;
    out.wal_pages = c.wal_pages;
    out.wal_bytes = wal_size(out.wal_pages, page_bytes_);
    out.foreign_changes = c.foreign_changes;
    out.commit_time = c.commit_time.summary();
    out.pinned_by = writer_->pinned_by();
    out.readers_named = c.readers_named;
    out.readers_interrupted = c.readers_interrupted;
    out.slowed_groups = c.slowed_groups;
    out.slowed_for = std::chrono::nanoseconds{static_cast<std::int64_t>(c.slowed_nanoseconds)};
  }
  if (readers_ != nullptr) {
    out.reads = readers_->taken();
    out.reader_waits = readers_->waits();
    out.queued_reads = reads_waiting_.load(std::memory_order_relaxed);
    out.readers = readers_->at_work(runtime_.monotonic().now());
  }
  return out;
}

service_report database_core::describe() const {
  service_report out;
  if (closed())
    return out;
  out.kind = "database";
  out.label = "database";
  tell(out, stats());
  out.measures.gauge("cortex_database_readers", "Readers.",
                     std::uint64_t{readers_ != nullptr ? options_.readers : 0});
  out.measures.gauge("cortex_database_lane_bound", "Writes that may wait in one lane.",
                     std::uint64_t{options_.lane_bound});
  out.measures.gauge("cortex_database_wal_budget_bytes",
                     "Over this size of the log new readers wait until it was emptied.",
                     std::uint64_t{options_.wal_budget_bytes});
  out.details.push_back({"read_only", options_.access == access::read_only});
  return out;
}

service_report pool_core::describe() const {
  service_report out;
  if (closed())
    return out;
  out.kind = "pool";
  out.label = "database";
  tell(out, stats());
  return out;
}

} // namespace cortex::storage::detail
