#include "cortex/storage/core.hpp"

#include "cortex/fork_guard.hpp"
#include "cortex/storage/migrations.hpp"
#include "cortex/storage/registry.hpp"
#include "cortex/storage/sqlite_error.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <mutex>
#include <stop_token>
#include <system_error>

namespace cortex::storage::detail {

using cortex::detail::fork_generation;
using cortex::detail::futex_wait;
using cortex::detail::futex_wake_all;
using cortex::detail::futex_wake_one;

namespace {

// SQLite's allocator statistics take a process-wide lock in every allocation: without them reads on
// several connections are 1.3 to 1.5 times as fast. Refused, harmlessly, once SQLite is in use.
void switch_off_memory_statistics() {
  static std::once_flag once;
  std::call_once(once, [] { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); });
}

thread_local int works = 0; // pieces of work that this thread is inside of

} // namespace

at_work::at_work() noexcept {
  ++works;
}

at_work::~at_work() {
  --works;
}

bool database_core::busy_here() noexcept {
  return works != 0 || cortex::detail::current_thread().no_blocking != nullptr;
}

// -- opening --------------------------------------------------------------------------------------

database_core::database_core(const runtime& rt, std::optional<prepared_file> file,
                             database_options options)
  : runtime_(rt.unowned()),
    options_(std::move(options)),
    path_(file ? file->path : std::string{":memory:"}),
    identity_(file ? file->identity : file_identity{}),
    memory_(!file),
    deterministic_(rt.options().deterministic),
    generation_(fork_generation()),
    slow_(rt.slow_requests()),
    shown_(std::make_shared<const std::string>(path_)) {}

connection_options database_core::connect_options(bool read_only) const {
  // A lock on the whole file, for the process, and an index of the log in its own memory.
  const auto vfs = options_.exclusive ? std::string{"unix-excl"} : options_.vfs;
  return {path_, vfs, read_only, options_.cache_kib, options_.busy_timeout};
}

expected<std::shared_ptr<database_core>> database_core::open(const runtime& rt,
                                                             std::optional<prepared_file> file,
                                                             database_options options) {
  switch_off_memory_statistics();
  const bool created = file && file->created;
  std::shared_ptr<database_core> core{new database_core{rt, std::move(file), std::move(options)},
                                      &database_core::let_go};
  if (auto opened = core->open_connections(created); !opened) {
    core->closed_ = true;
    core->ended_ = true;
    core->readers_.reset(); // readers close before the writer
    core->writer_.reset();
    core->lock_.reset();
    return unexpected{std::move(opened).error()};
  }
  return core;
}

expected<void> database_core::open_connections(bool created) {
  if (options_.access == access::read_write) {
    if (!memory_) {
      auto lock = writer_lock::take(path_, identity_);
      if (!lock)
        return unexpected{std::move(lock).error()};
      lock_.emplace(*std::move(lock));
    }
    auto on = connection::open(connect_options(false));
    if (!on)
      return unexpected{std::move(on).error()};
    if (!memory_) {
      auto mode = (*on)->query_text("PRAGMA journal_mode=WAL");
      if (!mode)
        return unexpected{std::move(mode).error()};
      if (*mode != "wal")
        return fail(errc::unsupported,
                    "'" + path_ + "' cannot use a write-ahead log (" + *mode + ")");
      if (created)
        sync_folder_of(path_);
    }
    if (auto made = apply(options_.schema, **on, runtime_.wall().now()); !made)
      return made;
    if (const auto size = (*on)->query_text("PRAGMA page_size"))
      page_bytes_ = std::strtoull(size->c_str(), nullptr, 10);
    if (!memory_)
      readers_ = std::make_unique<reader_pool>(commits_, true);
    writer_surroundings around{options_,
                               connect_options(false),
                               runtime_.monotonic(),
                               readers_.get(),
                               [this](severity level, std::string_view text) {
                                 runtime_.log(level, "database", path_ + ": " + std::string{text});
                               },
                               !deterministic_};
    writer_ = std::make_unique<writer>(*std::move(on), std::move(around), commits_);
  } else {
    readers_ = std::make_unique<reader_pool>(commits_, false);
  }
  if (memory_)
    return {};
  for (std::size_t i = 0; i < options_.readers; ++i) {
    auto on = connection::open(connect_options(true));
    if (!on)
      return unexpected{std::move(on).error()};
    // A first read: opens the log's index, and finds out whether this is a database at all.
    if (auto looked = (*on)->query_text("SELECT count(*) FROM sqlite_master"); !looked)
      return unexpected{std::move(looked).error()};
    readers_->add(*std::move(on));
  }
  return {};
}

// The last reference may go with a function that closing did not wait for: on a thread that the end
// has to wait for.
void database_core::let_go(database_core* last) noexcept {
  if (works == 0) {
    delete last;
    return;
  }
  try {
    std::thread{[last] { delete last; }}.detach();
  } catch (const std::system_error&) { // NOLINT(bugprone-empty-catch): then it stays for good
  }
}

database_core::~database_core() {
  if (fork_generation() != generation_) {
    leak();
    return;
  }
  // Nobody else is left, except for own threads: they must end before what they use.
  closed_.store(true, std::memory_order_seq_cst);
  if (!ended_)
    static_cast<void>(finish(monotonic_time::max()));
  join_threads();
}

// In a forked child the connections are the parent's: closing them would touch its files.
void database_core::leak() noexcept {
  static_cast<void>(readers_.release());
  static_cast<void>(writer_.release());
  if (lock_)
    static_cast<void>(new writer_lock{std::move(*lock_)});
  if (storage_.joinable())
    static_cast<void>(new std::thread{std::move(storage_)});
  for (auto& server : servers_)
    static_cast<void>(new std::thread{std::move(server)});
  if (upkeep_.joinable())
    static_cast<void>(new std::thread{std::move(upkeep_)});
}

expected<void> database_core::check_process() const {
  if (fork_generation() != generation_)
    return fail(errc::forked, "'" + path_ + "' belongs to the parent process; open it again");
  return {};
}

// -- writes ---------------------------------------------------------------------------------------

bool database_core::prepare(cortex::detail::slot_base& slot, std::chrono::nanoseconds deadline) {
  slot.home = &runtime_.continuations();
  slot.enqueued = runtime_.monotonic().now();
  const auto within = deadline.count() != 0 ? deadline : options_.default_deadline;
  slot.deadline = deadline_after(slot.enqueued, within);
  if (auto good = check_process(); !good)
    slot.fail(std::move(good).error());
  else if (closed())
    slot.fail({errc::closed, "'" + path_ + "' is closed"});
  else if (within.count() < 0)
    slot.fail({errc::timeout, "no time was given", stage::admission});
  else {
    if (slow_ != nullptr)
      follow(slot);
    return true;
  }
  return false;
}

// Answers what cannot be accepted. False then, and the reference is given back.
bool database_core::admit(pending_write& what) {
  auto& slot = what.slot();
  slot.waits_in = stage::lane;
  slot.works_in = stage::commit; // nobody can say how far it has come, so the outcome is open
  bool good = prepare(slot, what.options.deadline);
  if (good && writer_ == nullptr) {
    slot.fail({errc::read_only, "'" + path_ + "' is open read-only"});
    good = false;
  }
  if (!good)
    slot.unref();
  return good;
}

std::optional<bool> database_core::run_alone(pending_write& what) noexcept {
  const at_work now;
  return writer_->run_alone(what);
}

bool database_core::serve_writes() noexcept {
  const at_work now;
  return writer_->serve();
}

// A lone caller runs its transaction itself: handing it over would cost two wakes. Callers in
// company leave it to storage's thread and sleep, so that their writes pile up to a group while the
// one before is committed; a caller whose reply is on its way to it still counts as company.
expected<void> database_core::submit_and_wait(pending_write& what) noexcept {
  const auto held = cortex::detail::slot_ptr<cortex::detail::slot_base>::share(what.slot());
  // One that waits is answered at once; one that runs looks at the token itself.
  auto withdraw = [&slot = *held] { slot.withdraw({errc::cancelled, "withdrawn by the asker"}); };
  std::optional<std::stop_callback<decltype(withdraw)>> on_stop;
  if (what.options.stop.stop_possible())
    on_stop.emplace(what.options.stop, withdraw);
  if (what.sliced != nullptr) { // its caller could do no more than the first slice
    submit(what);
    return cortex::detail::await_slot(*held);
  }
  if (!admit(what))
    return {};
  if (auto* trace = held->trace())
    trace->await();
  const bool alone = callers_.fetch_add(1, std::memory_order_acq_rel) == 0;
  const auto left = alone ? run_alone(what) : std::nullopt;
  // Even a refused one may have owned the writer for a moment, and left others' work behind.
  if (left ? *left : (static_cast<void>(writer_->enqueue(what)), writer_->needs_owner()))
    wake_storage();
  // Many a reply comes while its caller lets others run, and saves a sleep and a wake: 1.5 times
  // the writes of 8 callers, 1.7 times those of 64 (write_committed rows of bench/run).
  held->yields = 4;
  auto arrived = cortex::detail::await_slot(*held);
  callers_.fetch_sub(1, std::memory_order_acq_rel);
  return arrived;
}

void database_core::submit(pending_write& what) noexcept {
  if (!admit(what) || !writer_->enqueue(what))
    return;
  const auto& thread = cortex::detail::current_thread();
  auto* lent = thread.lent;
  // Only a handler leaves its work to the lender: what is made anew after a crash may wait for it.
  if (lent != nullptr && thread.no_blocking != nullptr
      && (lent->next == nullptr || lent->next.get() == this)) {
    // The lender waits for this very write, or for one beside it: it will do the work itself.
    if (lent->next == nullptr)
      lent->next = shared_from_this();
    return;
  }
  if (writer_->needs_owner())
    wake_storage();
}

void database_core::lend(cortex::detail::slot_base& wanted) noexcept {
  const bool left = [&] {
    const at_work now;
    return writer_->combine(wanted);
  }();
  if (left)
    wake_storage();
}

void database_core::wake_storage() noexcept {
  if (stopping_.load(std::memory_order_acquire)) {
    static_cast<void>(serve_writes()); // closing gave up waiting for who gives the writer back
    return;
  }
  if (deterministic_)
    return; // `run_one` serves
  if (start_storage_thread())
    storage_bell_.ring();
  else
    static_cast<void>(serve_writes());
}

// False if there is none and the system gives none.
bool database_core::start_storage_thread() noexcept {
  if (storage_started_.load(std::memory_order_acquire))
    return true;
  const std::lock_guard guard{starting_};
  if (storage_started_.load(std::memory_order_relaxed))
    return true;
  if (no_more_threads_)
    return false;
  try {
    threads_.fetch_add(1, std::memory_order_seq_cst);
    storage_ = std::thread{[this] { storage_thread(); }};
  } catch (const std::system_error&) {
    leave();
    return false;
  }
  storage_started_.store(true, std::memory_order_release);
  return true;
}

// Whoever finds the writer owned leaves its work to the owner, even to one that is turned away.
void database_core::disown() noexcept {
  if (writer_->disown())
    wake_storage();
}

void database_core::storage_thread() noexcept {
  for (;;) {
    if (serve_writes())
      continue;
    if (stopping_.load(std::memory_order_acquire))
      break;
    storage_bell_.sleep(
      [this] { return writer_->needs_owner() || stopping_.load(std::memory_order_acquire); });
  }
  leave();
}

// The last word of a thread of this database.
void database_core::leave() noexcept {
  if (threads_.fetch_sub(1, std::memory_order_seq_cst) == 1)
    futex_wake_all(threads_);
}

bool database_core::run_one() noexcept {
  const at_work now;
  return (writer_ != nullptr && writer_->serve_one()) || serve_reads() || serve_upkeep();
}

// -- reads ----------------------------------------------------------------------------------------

expected<reader*> database_core::take_reader(const read_options& options) noexcept {
  if (auto good = check_process(); !good)
    return unexpected{std::move(good).error()};
  if (closed())
    return fail(errc::closed, "'" + path_ + "' is closed");
  const auto within = options.deadline.count() != 0 ? options.deadline : options_.default_deadline;
  if (within.count() < 0)
    return fail(error{errc::timeout, "no time was given", stage::admission});
  if (options.stop.stop_requested())
    return fail(errc::cancelled, "its asker withdrew it before it began");
  const auto asked = slow_ != nullptr ? runtime_.monotonic().now() : monotonic_time{};
  auto taken = take_any(options.owner, within, options.stop);
  if (slow_ != nullptr && !taken)
    note_slow(std::string{options.owner}, stage::reader, {asked});
  else if (slow_ != nullptr && *taken != nullptr)
    (*taken)->asked = asked;
  if (taken && *taken == nullptr && closed()) {
    disown();
    return fail(errc::closed, "'" + path_ + "' is closed");
  }
  if (taken && *taken != nullptr)
    (*taken)->pin_for.store(options.pin_for.count(), std::memory_order_relaxed);
  if (taken)
    stop_of(*taken).begin(limits_of(options, runtime_.monotonic().now()));
  return taken;
}

use_limits database_core::limits_of(const read_options& options, monotonic_time begun) const {
  const auto within = options.run_for.count() != 0 ? options.run_for : options_.default_run_for;
  return {&runtime_.monotonic(), deadline_after(begun, within), options.stop};
}

// What was queued before the end is still served, so this one does not ask whether it has come.
expected<reader*> database_core::take_any(std::string_view owner, std::chrono::nanoseconds within,
                                          const std::stop_token& stop) noexcept {
  if (!memory_)
    return readers_->take(owner, within, stop, runtime_.monotonic());
  // One connection for all: reads take turns with the writer.
  const bool taken = writer_->own_turn(deadline_after(std::chrono::steady_clock::now(), within));
  if (!taken && !stopping_.load(std::memory_order_acquire))
    return fail(error{errc::timeout, "the only connection stayed busy", stage::reader});
  if (taken && !writer_->closed())
    return nullptr;
  if (taken)
    disown();
  return fail(errc::closed, "'" + path_ + "' is closed");
}

void database_core::give_back(reader* held) noexcept {
  if (held != nullptr) {
    if (slow_ != nullptr && held->asked != monotonic_time{})
      note_slow_read(*held);
    readers_->give_back(*held);
    if (over_memory_budget())
      drop_caches_of_all();
    return;
  }
  writer_->on().reset_all();
  writer_->stop().end();
  disown();
}

void database_core::submit(pending_read& what) noexcept {
  auto& slot = what.slot();
  slot.waits_in = stage::reader;
  if (!prepare(slot, what.options.deadline)) {
    slot.unref();
    return;
  }
  if (auto started = start_reader_threads(); !started) {
    slot.fail(std::move(started).error());
    slot.unref();
    return;
  }
  reads_waiting_.fetch_add(1, std::memory_order_seq_cst);
  if (stopping_.load(std::memory_order_seq_cst) || !reads_.enqueue(&what)) {
    reads_waiting_.fetch_sub(1, std::memory_order_seq_cst);
    slot.fail({errc::closed, "'" + path_ + "' is closed"});
    slot.unref();
    return;
  }
  if (deterministic_)
    return;
  reads_turn_.fetch_add(1, std::memory_order_seq_cst);
  if (servers_asleep_.load(std::memory_order_seq_cst) != 0)
    futex_wake_one(reads_turn_);
}

// Goes on with fewer if the system gives no more. Errors: `unavailable` if it gives none.
expected<void> database_core::start_reader_threads() noexcept {
  if (deterministic_ || servers_started_.load(std::memory_order_acquire))
    return {};
  const std::lock_guard guard{starting_};
  if (servers_started_.load(std::memory_order_relaxed) || no_more_threads_)
    return {};
  try {
    while (servers_.size() < options_.reader_threads) {
      threads_.fetch_add(1, std::memory_order_seq_cst);
      servers_.emplace_back([this] { reader_thread(); });
    }
  } catch (const std::system_error& refused) {
    leave();
    if (servers_.empty())
      return fail(errc::unavailable, "no thread for the queued reads of '" + path_
                                       + "' could be started: " + refused.what());
  }
  servers_started_.store(true, std::memory_order_release);
  return {};
}

// One snapshot serves all reads that wait: each was queued before it is taken.
bool database_core::serve_reads() noexcept {
  constexpr std::size_t most = 32;
  std::array<pending_read*, most> batch{};
  const at_work now;
  serving_.fetch_add(1, std::memory_order_seq_cst); // before they are no longer counted as waiting
  auto left = std::span{batch}.first(reads_.try_dequeue_bulk(batch.data(), most));
  const bool any = !left.empty();
  reads_waiting_.fetch_sub(left.size(), std::memory_order_seq_cst);
  while (!left.empty())
    left = serve_batch(left);
  serving_.fetch_sub(1, std::memory_order_seq_cst);
  return any;
}

// Answers all of them or, if no reader comes free, those whose time is up. Returns the others.
std::span<pending_read*> database_core::serve_batch(std::span<pending_read*> batch) noexcept {
  const auto began = runtime_.monotonic().now();
  auto first_end = monotonic_time::max();
  for (auto* each : batch)
    first_end = std::min(first_end, each->slot().deadline);
  auto held
    = take_any("queued reads", std::max(first_end - began, monotonic_time::duration{0}), {});
  if (held) {
    reading_.fetch_add(1, std::memory_order_seq_cst);
    stop_of(*held).begin({});
  }
  const bool late = !held && held.error().code == errc::timeout;
  const auto now = late ? first_end : runtime_.monotonic().now();
  const auto others = std::partition(batch.begin(), batch.end(), [&](pending_read* each) {
    return late && each->slot().deadline > now;
  });
  if (held)
    return serve_with(*held, batch, now);
  const auto kept = batch.first(static_cast<std::size_t>(others - batch.begin()));
  for (auto* each : batch.subspan(kept.size())) {
    each->slot().fail(held.error());
    each->slot().unref();
  }
  return kept;
}

// Returns those that are left for another snapshot: none answers for the time that the others took.
std::span<pending_read*> database_core::serve_with(reader* held, std::span<pending_read*> batch,
                                                   monotonic_time began) noexcept {
  constexpr std::chrono::milliseconds long_enough{50};
  auto& stop = stop_of(held);
  auto now = began;
  while (!batch.empty() && !stop.asked() && now - began <= long_enough) {
    serve_read(*batch.front(), held, now);
    batch = batch.subspan(1);
    now = runtime_.monotonic().now();
  }
  reading_.fetch_sub(1, std::memory_order_seq_cst);
  give_back(held);
  return batch;
}

void database_core::serve_read(pending_read& what, reader* held, monotonic_time now) noexcept {
  auto& slot = what.slot();
  if (slot.deadline <= now) {
    slot.fail({errc::timeout, "the readers of '" + path_ + "' were busy", stage::reader});
  } else if (what.options.stop.stop_requested()) {
    slot.fail({errc::cancelled, "its asker withdrew it while it waited for a reader"});
  } else if (slot.begin()) {
    auto limits = limits_of(what.options, now);
    limits.slot = &slot;
    stop_of(held).go_on(std::move(limits));
    if (held != nullptr) {
      held->pass_on(what.options.owner);
      held->pin_for.store(what.options.pin_for.count(), std::memory_order_relaxed);
    }
    if (auto* trace = slot.trace())
      trace->note_now(cortex::detail::moment::reading);
    const cortex::detail::no_blocking_scope inside{"a read function"};
    snapshot view{connection_of(held)};
    what.run(view);
    stop_of(held).go_on({});
  }
  slot.unref();
}

void database_core::reader_thread() noexcept {
  for (;;) {
    if (serve_reads())
      continue;
    servers_asleep_.fetch_add(1, std::memory_order_seq_cst);
    const auto turn = reads_turn_.load(std::memory_order_seq_cst);
    if (reads_waiting_.load(std::memory_order_seq_cst) == 0) {
      if (stopping_.load(std::memory_order_seq_cst)) {
        servers_asleep_.fetch_sub(1);
        leave();
        return;
      }
      futex_wait(reads_turn_, turn);
    }
    servers_asleep_.fetch_sub(1, std::memory_order_seq_cst);
  }
}

// -- upkeep ---------------------------------------------------------------------------------------

expected<std::uint64_t> database_core::checkpoint() {
  if (auto good = check_process(); !good)
    return unexpected{std::move(good).error()};
  if (closed())
    return fail(errc::closed, "'" + path_ + "' is closed");
  if (writer_ == nullptr)
    return fail(errc::read_only, "'" + path_ + "' is open read-only");
  if (memory_)
    return 0;
  if (!writer_->own(deadline_after(std::chrono::steady_clock::now(), options_.default_deadline)))
    return fail(error{errc::timeout, "the writer stayed busy", stage::lane});
  if (writer_->closed()) {
    disown();
    return fail(errc::closed, "'" + path_ + "' is closed");
  }
  readers_->end_idle_snapshots();
  auto left = writer_->checkpoint(false);
  disown();
  return left;
}

namespace {

// SQLite's documentation, "WAL-mode File Format": a header and a frame around each page.
std::uint64_t wal_size(std::uint64_t pages, std::uint64_t page_bytes) noexcept {
  constexpr std::uint64_t header_bytes = 32;
  constexpr std::uint64_t frame_header_bytes = 24;
  return pages == 0 ? 0 : header_bytes + pages * (page_bytes + frame_header_bytes);
}

} // namespace

void database_core::drop_caches(bool all) noexcept {
  if (!check_process() || closed() || memory_)
    return;
  if (readers_ != nullptr)
    readers_->drop_caches(all);
  if (writer_ == nullptr || !all || !above_memory_goal())
    return;
  if (writer_->own(monotonic_time{})) {
    if (!writer_->closed() && writer_->open())
      writer_->on().drop_cache();
    disown();
  } else if (writer_->needs_owner()) { // what came meanwhile was left to us
    wake_storage();
  }
}

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

} // namespace cortex::storage::detail
