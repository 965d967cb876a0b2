// Lending and taking back: who has which connection.

#include "cortex/storage/pool_core.hpp"

#include <sched.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <system_error>

namespace cortex::storage::detail {

using cortex::detail::futex_wait;
using cortex::detail::futex_wake_all;
using cortex::detail::futex_wake_one;

namespace {

// As Python writes a float: `0.5`, `5.0`, `5e-05`.
std::string seconds_text(std::chrono::nanoseconds time) {
  const auto value = std::chrono::duration<double>{time}.count();
  constexpr double least_fixed = 1e-4;
  constexpr double first_large = 1e16;
  const bool fixed = value == 0 || (value >= least_fixed && value < first_large);
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                 fixed ? std::chars_format::fixed : std::chars_format::scientific)
                     .ptr;
  std::string out{text.data(), end};
  if (fixed && out.find('.') == std::string::npos)
    out += ".0";
  return out;
}

// Stands for a pool in the report of its runtime, which it outlives or not.
class pool_reporter final : public service {
public:
  explicit pool_reporter(const std::shared_ptr<pool_core>& pool)
    : path_(pool->path()), pool_(pool) {}
  [[nodiscard]] std::string name() const override { return "the pool of '" + path_ + "'"; }
  bool stop(monotonic_time /*until*/) noexcept override { return true; } // its database is stopped
  [[nodiscard]] service_report describe() const override {
    const auto pool = pool_.lock();
    return pool != nullptr ? pool->describe() : service_report{};
  }

private:
  const std::string path_;
  const std::weak_ptr<pool_core> pool_;
};

bool has_folder(const std::string& path) {
  std::error_code ignored;
  const auto whole = std::filesystem::absolute(path, ignored);
  return path.empty() || std::filesystem::is_directory(whole.parent_path(), ignored);
}

} // namespace

// -- opening --------------------------------------------------------------------------------------

expected<std::shared_ptr<pool_core>> pool_core::open(const runtime* rt, const std::string& path,
                                                     pool_options options) {
  if (auto valid = validate(options); !valid)
    return unexpected{std::move(valid).error()};
  const std::string refusal = "unable to open database file: ";
  if (path != ":memory:" && !has_folder(path))
    return fail(errc::not_found, refusal + "'" + path + "' is in a folder that does not exist");
  options.file.readers = options.size;
  options.file.busy_timeout = options.busy_timeout.value_or(
    std::chrono::duration_cast<std::chrono::milliseconds>(options.timeout));
  auto file = rt != nullptr ? database::open(*rt, path, options.file)
                            : database::open(path, options.file);
  if (!file) {
    auto problem = std::move(file).error();
    problem.detail.insert(0, refusal);
    return fail(std::move(problem));
  }
  auto made = std::make_shared<pool_core>(*std::move(file), std::move(options));
  auto reporter = std::make_shared<pool_reporter>(made);
  auto owner = made->core_->rt();
  if (owner.attach(reporter))
    made->reporter_ = std::move(reporter);
  return made;
}

pool_core::pool_core(database file, pool_options options)
  : options_(std::move(options)),
    core_(file.core_),
    file_(std::move(file)),
    idle_(options_.size),
    left_(options_.size),
    open_(static_cast<std::uint32_t>(options_.size)) {
  for (std::uint32_t index = 0; index < options_.size; ++index) {
    all_.push_back(std::make_unique<pooled>(index));
    idle_.push(index);
  }
}

pool_core::~pool_core() {
  if (!check_process()) { // the thread and the file are the parent's
    if (watcher_.joinable())
      static_cast<void>(new std::thread{std::move(watcher_)});
    return;
  }
  closed_.store(true, std::memory_order_seq_cst);
  if (reporter_ != nullptr) {
    auto owner = core_->rt();
    owner.detach(*reporter_);
  }
  static_cast<void>(shut_idle());
  stop_watching();
}

// -- lending --------------------------------------------------------------------------------------

expected<void> pool_core::may_borrow() const {
  if (auto refused = cortex::detail::blocking_refused("borrowing a connection"))
    return unexpected{*std::move(refused)};
  if (auto good = check_process(); !good)
    return good;
  if (closed())
    return fail(errc::closed, "the pool of '" + path() + "' is closed");
  return {};
}

expected<std::uint32_t> pool_core::borrow() {
  if (auto good = may_borrow(); !good)
    return unexpected{std::move(good).error()};
  const patience wait{clock(), options_.timeout};
  auto index = idle_.pop();
  auto left = options_.timeout;
  if (!index) {
    waits_.fetch_add(1, std::memory_order_relaxed);
    index = wait_for_one(wait);
    const auto spent = wait.spent();
    waited_.fetch_add(static_cast<std::uint64_t>(spent.count()), std::memory_order_relaxed);
    left = std::max(left - spent, std::chrono::nanoseconds{0});
  }
  if (closed()) {
    if (index)
      put_back(*index);
    return fail(errc::closed, "the pool of '" + path() + "' is closed");
  }
  if (!index)
    return too_late("all of them are lent", stage::reader);
  auto& found = *all_[*index];
  found.left = left;
  lent_.fetch_add(1, std::memory_order_seq_cst);
  found.since.store(clock().now().time_since_epoch().count(), std::memory_order_release);
  borrowed_.fetch_add(1, std::memory_order_relaxed);
  if (auto good = found.suspect ? test(found) : expected<void>{}; !good) {
    give_back(found.number);
    return unexpected{std::move(good).error()};
  }
  return found.number;
}

// Newcomers may take what comes back before a sleeper has woken: to hand it over would cost a wake
// for each loan.
std::optional<std::uint32_t> pool_core::wait_for_one(const patience& wait) noexcept {
  // Many a connection comes back while its borrower gets to run, and saves a sleep and a wake.
  constexpr int yields = 4;
  for (int i = 0; i < yields; ++i) {
    sched_yield();
    if (auto found = idle_.pop())
      return found;
  }
  waiters_.fetch_add(1, std::memory_order_seq_cst);
  std::optional<std::uint32_t> found;
  for (;;) {
    const auto turn = turn_.load(std::memory_order_seq_cst);
    const bool late = wait.over();
    found = idle_.pop();
    if (found || late || closed())
      break;
    futex_wait(turn_, turn, wait.look_again());
  }
  waiters_.fetch_sub(1, std::memory_order_seq_cst);
  return found;
}

void pool_core::wake_waiters(bool all) noexcept {
  if (waiters_.load(std::memory_order_seq_cst) == 0)
    return;
  turn_.fetch_add(1, std::memory_order_seq_cst);
  if (all)
    futex_wake_all(turn_);
  else
    futex_wake_one(turn_);
}

unexpected pool_core::too_late(std::string why, stage where) noexcept {
  timeouts_.fetch_add(1, std::memory_order_relaxed);
  return fail(error{errc::timeout,
                    "Could not acquire database connection"
                      + std::string{where == stage::lane ? " for writing" : ""} + " within "
                      + seconds_text(options_.timeout) + "s (pool size "
                      + std::to_string(options_.size) + "): " + std::move(why),
                    where});
}

// What a broken connection says once may have passed; a reader that still fails is opened anew.
expected<void> pool_core::test(pooled& lent) {
  expected<void> outcome;
  for (int tries = 0; tries < 2; ++tries) {
    auto view = begin_read(lent);
    if (!view)
      return unexpected{std::move(view).error()};
    auto looked = view->on->query_text("SELECT count(*) FROM sqlite_master");
    if (auto ended = end_read(lent, *view, looked ? nullptr : &looked.error()); !ended)
      return ended;
    lent.suspect = !looked;
    if (looked)
      return {};
    outcome = unexpected{std::move(looked).error()};
  }
  return outcome;
}

// -- taking back ----------------------------------------------------------------------------------

void pool_core::give_back(std::uint32_t number) noexcept {
  if (!check_process())
    return; // the parent's
  auto& back = at(number);
  if (back.write.active() && back.write.enter()) {
    back.write.undo();
    rollbacks_.fetch_add(1, std::memory_order_relaxed);
    log(severity::warning, back.owner + " came back with an open transaction, rolled back");
  }
  back.since.store(0, std::memory_order_release);
  lent_.fetch_sub(1, std::memory_order_seq_cst);
  put_back(number - 1);
}

void pool_core::put_back(std::uint32_t index) noexcept {
  idle_.push(index);
  // Whoever closes the pool sees it there, or is seen here.
  if (closed_.load(std::memory_order_seq_cst))
    static_cast<void>(shut_idle());
  else
    wake_waiters(false);
}

std::size_t pool_core::shut_idle() noexcept {
  std::size_t count = 0;
  for (; idle_.pop(); ++count)
    shut_one();
  return count;
}

void pool_core::shut_one() noexcept {
  if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    stop_watching();
    file_.reset();
  }
  open_.fetch_sub(1, std::memory_order_seq_cst);
  futex_wake_all(open_);
}

expected<pool_closing> pool_core::close(std::chrono::nanoseconds within) {
  if (auto refused = cortex::detail::blocking_refused("closing a pool"))
    return unexpected{*std::move(refused)};
  if (auto good = check_process(); !good)
    return unexpected{std::move(good).error()};
  const patience wait{clock(), within};
  closed_.store(true, std::memory_order_seq_cst);
  wake_waiters(true);
  pool_closing done;
  done.closed = shut_idle();
  auto open = open_.load(std::memory_order_seq_cst);
  while (open != 0 && !wait.over()) {
    futex_wait(open_, open, wait.look_again());
    open = open_.load(std::memory_order_seq_cst);
  }
  done.lent = open;
  if (open != 0)
    log(severity::warning, std::to_string(open) + " connections were still lent when it closed");
  return done;
}

// -- what it tells --------------------------------------------------------------------------------

pool_stats pool_core::stats() const {
  pool_stats out;
  out.path = path();
  out.size = options_.size;
  out.lent = lent_.load(std::memory_order_seq_cst);
  const std::size_t open = open_.load(std::memory_order_seq_cst);
  out.idle = open > out.lent ? open - out.lent : 0;
  out.waiting = waiters_.load(std::memory_order_seq_cst);
  out.waiting_writers = held_write::waiting(*core_);
  out.borrowed = borrowed_.load(std::memory_order_relaxed);
  out.waits = waits_.load(std::memory_order_relaxed);
  out.waited = std::chrono::nanoseconds{waited_.load(std::memory_order_relaxed)};
  out.timeouts = timeouts_.load(std::memory_order_relaxed);
  out.rollbacks_on_return = rollbacks_.load(std::memory_order_relaxed);
  out.overdue_writes = overdue_.load(std::memory_order_relaxed);
  out.replaced = replaced_.load(std::memory_order_relaxed);
  out.mismatched_requests = mismatched_.load(std::memory_order_relaxed);
  const auto now = clock().now();
  for (const auto& each : all_)
    if (const auto since = each->since.load(std::memory_order_acquire); since != 0)
      out.holders.push_back({each->number, now - monotonic_time{monotonic_time::duration{since}},
                             each->write.active()});
  return out;
}

void pool_core::note_mismatch(const pool_options& asked) noexcept {
  if (asked.size == options_.size && asked.timeout == options_.timeout
      && asked.busy_timeout == options_.busy_timeout && asked.write_limit == options_.write_limit)
    return;
  mismatched_.fetch_add(1, std::memory_order_relaxed);
  log(severity::warning, "asked for with size " + std::to_string(asked.size) + " and timeout "
                           + seconds_text(asked.timeout) + "s, but stays with size "
                           + std::to_string(options_.size) + " and timeout "
                           + seconds_text(options_.timeout) + "s as first opened");
}

void pool_core::log(severity level, const std::string& text) const noexcept {
  core_->rt().log(level, "connection_pool", path() + ": " + text);
}

} // namespace cortex::storage::detail
