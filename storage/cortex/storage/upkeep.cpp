// What a database does for itself besides writes and reads: long work on a thread of its own,
// checks, statistics for the query planner.

#include "cortex/storage/copy.hpp"
#include "cortex/storage/core.hpp"

#include <algorithm>
#include <mutex>
#include <system_error>
#include <utility>

namespace cortex::storage {
namespace detail {

// Errors: `closed`; `unavailable` if there is no thread and the system gives none.
expected<void> database_core::submit(std::unique_ptr<upkeep_task> task) {
  if (auto good = check_process(); !good)
    return good;
  {
    const std::lock_guard guard{starting_};
    if (closed() || no_more_threads_)
      return fail(errc::closed, "'" + path_ + "' is closed");
    if (!deterministic_ && !upkeep_.joinable()) {
      try {
        threads_.fetch_add(1, std::memory_order_seq_cst);
        upkeep_ = std::thread{[this] { upkeep_thread(); }};
      } catch (const std::system_error& refused) {
        leave();
        return fail(errc::unavailable, "no thread for the upkeep of '" + path_
                                         + "' could be started: " + refused.what());
      }
    }
    tasks_.push_back(std::move(task));
  }
  upkeep_bell_.ring();
  return {};
}

bool database_core::serve_upkeep() noexcept {
  std::unique_ptr<upkeep_task> next;
  {
    const std::lock_guard guard{starting_};
    if (tasks_.empty())
      return false;
    next = std::move(tasks_.front());
    tasks_.pop_front();
  }
  const at_work now;
  next->run();
  next.reset();
  return true;
}

// What is left at the end is run as well: it sees that the database is closed.
void database_core::upkeep_thread() noexcept {
  for (;;) {
    if (serve_upkeep())
      continue;
    if (stopping_.load(std::memory_order_acquire))
      break;
    upkeep_bell_.sleep([this] {
      const std::lock_guard guard{starting_};
      return !tasks_.empty() || stopping_.load(std::memory_order_acquire);
    });
  }
  leave();
}

// Neither its own time nor the governor of the log ends it: it has a limit of another kind, and one
// state to show. It stays inside, where nobody ends its snapshot.
expected<reader_loan> reader_loan::take(database_core& of, std::string_view owner,
                                        std::chrono::nanoseconds deadline) {
  constexpr auto for_ever = std::chrono::nanoseconds::max();
  auto held = of.take_reader(
    {.owner = owner, .deadline = deadline, .run_for = for_ever, .stop = {}, .pin_for = for_ever});
  if (!held)
    return unexpected{std::move(held).error()};
  if (*held != nullptr)
    static_cast<void>((*held)->stop().enter());
  return reader_loan{of, *held};
}

reader_loan::reader_loan(reader_loan&& other) noexcept
  : of_(std::exchange(other.of_, nullptr)), held_(other.held_) {}

reader_loan::~reader_loan() {
  if (of_ == nullptr)
    return;
  if (held_ != nullptr)
    held_->stop().leave();
  of_->give_back(held_);
}

// While the writer is owned nobody commits: the number says exactly what the snapshot shows.
expected<std::uint64_t> database_core::fix_snapshot(reader* held, const work_limit& limit) {
  if (writer_ == nullptr || held == nullptr)
    return commit_number();
  constexpr std::chrono::milliseconds portion{10}; // nobody rings when the limit is reached
  while (!writer_->own_first(
    std::min(limit.time().look_again(), std::chrono::steady_clock::now() + portion))) {
    if (writer_->needs_owner()) // what came meanwhile was left to us
      wake_storage();
    if (auto end = limit.over())
      return fail(*std::move(end));
  }
  const auto number = commit_number();
  auto fresh = held->refresh(number, false, runtime_.monotonic().now());
  disown();
  if (!fresh)
    return unexpected{std::move(fresh).error()};
  return number;
}

namespace {

expected<void> validate(const check_options& options) {
  if (options.most < 1 || options.most > 1'000'000 || options.deadline.count() < 0)
    return fail(errc::invalid_argument, "most: 1 to 1,000,000; deadline: not negative");
  return {};
}

std::string orphan(const row& r) {
  const auto id = r.get<std::optional<std::int64_t>>(1);
  return (id ? "row " + std::to_string(*id) : std::string{"a row"}) + " of table '"
         + r.get<std::string>(0) + "' refers to none of table '" + r.get<std::string>(2) + "'";
}

expected<std::vector<std::string>> add_orphans(std::vector<std::string> lines, snapshot& view,
                                               std::size_t most) {
  auto rows = view.query("PRAGMA foreign_key_check");
  while (rows && lines.size() < most) {
    auto more = rows->next();
    if (!more && more.error().code == errc::invalid_argument) // keys that do not fit each other
      lines.push_back(more.error().detail);
    else if (!more)
      return unexpected{std::move(more).error()};
    if (!more || !*more)
      return lines;
    lines.push_back(orphan(rows->current()));
  }
  if (!rows)
    return unexpected{std::move(rows).error()};
  return lines;
}

} // namespace
} // namespace detail

expected<std::vector<std::string>> database::quick_check() {
  return read([](snapshot& view) { return detail::findings(view, "PRAGMA quick_check"); },
              {.owner = "quick_check"});
}

expected<std::vector<std::string>> database::integrity_check(const check_options& options) {
  if (auto good = detail::validate(options); !good)
    return unexpected{std::move(good).error()};
  const detail::work_limit limit{"the check of '" + path() + "'", options.stop, options.deadline,
                                 core_->rt().monotonic(), core_.get()};
  if (auto refused = cortex::detail::blocking_refused("a check"))
    return unexpected{*std::move(refused)};
  auto held = detail::reader_loan::take(*core_, "integrity_check", options.deadline);
  if (!held)
    return unexpected{std::move(held).error()};
  if (auto end = limit.over()) // a check of little data has no step to see it at
    return fail(*std::move(end));
  const detail::limited_statements until{held->on(), limit};
  snapshot view{held->on()};
  auto lines
    = detail::findings(view, "PRAGMA integrity_check(" + std::to_string(options.most) + ")");
  if (lines && lines->size() < options.most)
    lines = detail::add_orphans(*std::move(lines), view, options.most);
  if (auto end = limit.over(); !lines && end)
    return fail(*std::move(end));
  return lines;
}

// ANALYZE itself, within the connection's `analysis_limit`. `PRAGMA optimize` asks which tables
// this connection has queried, and the writer has queried none. Other connections read the
// statistics together with the schema, so that is made to look changed.
expected<void> database::optimize(std::chrono::nanoseconds deadline) {
  auto done = write(
    [](transaction& in) -> expected<void> {
      if (auto analyzed = in.execute("ANALYZE"); !analyzed)
        return unexpected{std::move(analyzed).error()};
      return in.execute_script("CREATE TABLE cortex_optimized(x); DROP TABLE cortex_optimized");
    },
    write_options{
      .level = core_->options().level, .lane = lane::maintenance, .deadline = deadline});
  if (!done)
    return unexpected{std::move(done).error()};
  return {};
}

} // namespace cortex::storage
