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

} // namespace cortex::storage::detail
