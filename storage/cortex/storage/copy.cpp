#include "cortex/storage/copy.hpp"

#include "cortex/storage/core.hpp"
#include "cortex/storage/sqlite_error.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <thread>
#include <utility>

namespace cortex::storage::detail {

// -- work_limit -----------------------------------------------------------------------------------

work_limit::work_limit(std::string name, std::stop_token stop, std::chrono::nanoseconds within,
                       const monotonic_clock& clock, const database_core* of)
  : name_(std::move(name)),
    stop_(std::move(stop)),
    time_(clock, within.count() != 0 ? within : std::chrono::nanoseconds::max()),
    of_(of) {}

std::optional<error> work_limit::over() const {
  if (stop_.stop_requested())
    return error{errc::cancelled, name_ + " was told to stop"};
  if (of_ != nullptr && of_->closed())
    return error{errc::closed, name_ + " was ended: the database is being closed"};
  if (time_.over())
    return error{errc::timeout, name_ + " did not end in its time", stage::handler};
  return std::nullopt;
}

void work_limit::rest(std::chrono::nanoseconds pause) const {
  constexpr std::chrono::milliseconds portion{10}; // nobody rings when the limit is reached
  const auto until = deadline_after(std::chrono::steady_clock::now(), pause);
  for (auto now = std::chrono::steady_clock::now(); now < until && !over();
       now = std::chrono::steady_clock::now())
    std::this_thread::sleep_until(std::min(until, now + portion));
}

limited_statements::limited_statements(connection& on, const work_limit& limit) noexcept : on_(on) {
  constexpr int instructions = 1000; // some 10 us of SQLite's machine
  sqlite3_progress_handler(
    on_.raw(), instructions,
    [](void* of) { return static_cast<const work_limit*>(of)->over() ? 1 : 0; },
    const_cast<work_limit*>(&limit)); // NOLINT(cppcoreguidelines-pro-type-const-cast): C
}

limited_statements::~limited_statements() {
  on_.watch_statements();
}

// -- copying --------------------------------------------------------------------------------------

namespace {

struct finish_backup {
  void operator()(sqlite3_backup* running) const noexcept { sqlite3_backup_finish(running); }
};

// The copy is nobody else's: it needs no locks that come and go, and no journal that survives.
expected<std::unique_ptr<connection>> open_copy(const std::string& path, const std::string& vfs) {
  constexpr std::size_t cache_kib = 2000; // each page is written once and read once
  auto on = connection::open({path, vfs, false, cache_kib, std::chrono::milliseconds{0}});
  if (!on)
    return on;
  if (auto set = (*on)->exec("PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=FULL"); !set)
    return unexpected{std::move(set).error()};
  return on;
}

expected<void> report(const copy_progress& progress, std::uint64_t done, std::uint64_t total) {
  if (!progress)
    return {};
  try {
    progress(done, total);
    return {};
  } catch (const std::exception& bug) {
    return fail(errc::internal, std::string{"a progress function threw: "} + bug.what());
  } catch (...) {
    return fail(errc::internal, "a progress function threw");
  }
}

} // namespace

// SQLite copies from a connection that has a transaction open without ever beginning anew, whatever
// others commit. VACUUM INTO would do it in one call, but cannot run in a transaction, so nobody
// could say which commits it shows; and it gives new rowids to tables without a key of their own.
expected<std::uint64_t> copy_pages(connection& from, const new_file& to, const copy_options& how,
                                   const work_limit& limit) {
  auto on = open_copy(to.path(), how.vfs);
  if (!on)
    return unexpected{std::move(on).error()};
  if (auto set = (*on)->exec("PRAGMA journal_mode=MEMORY"); !set)
    return unexpected{std::move(set).error()};
  std::unique_ptr<sqlite3_backup, finish_backup> copy{
    sqlite3_backup_init((*on)->raw(), "main", from.raw(), "main")};
  if (copy == nullptr)
    return fail(translate(sqlite3_extended_errcode((*on)->raw()), "cannot copy", (*on)->raw()));
  for (int code = SQLITE_OK; code != SQLITE_DONE;) {
    if (auto end = limit.over())
      return fail(*std::move(end));
    code = sqlite3_backup_step(copy.get(), static_cast<int>(how.pages_per_step));
    if (code != SQLITE_OK && code != SQLITE_DONE)
      return fail(translate(code, "copying to '" + to.path() + "'"));
    const auto total = static_cast<std::uint64_t>(sqlite3_backup_pagecount(copy.get()));
    const auto left = static_cast<std::uint64_t>(sqlite3_backup_remaining(copy.get()));
    if (auto told = report(how.progress, total - left, total); !told)
      return unexpected{std::move(told).error()};
    if (code == SQLITE_OK)
      limit.rest(how.pause);
  }
  const auto pages = static_cast<std::uint64_t>(sqlite3_backup_pagecount(copy.get()));
  if (const int code = sqlite3_backup_finish(copy.release()); code != SQLITE_OK)
    return fail(translate(code, "copying to '" + to.path() + "'"));
  return pages;
}

expected<std::vector<std::string>> findings(snapshot& view, const std::string& pragma) {
  auto rows = view.query(pragma);
  if (!rows)
    return unexpected{std::move(rows).error()};
  std::vector<std::string> lines;
  auto done = rows->each([&](row r) { lines.push_back(r.get<std::string>(0)); });
  if (!done && done.error().code != errc::corrupt)
    return unexpected{std::move(done).error()};
  if (!done) // damage that ends the check itself
    lines.push_back(std::move(done).error().detail);
  else if (lines.size() == 1 && lines.front() == "ok")
    lines.clear();
  return lines;
}

expected<std::uint64_t> finish_copy(new_file& of, copy_check check, const std::string& vfs,
                                    const work_limit& limit) {
  auto finished = [&]() -> expected<std::vector<std::string>> {
    auto on = open_copy(of.path(), vfs);
    if (!on)
      return unexpected{std::move(on).error()};
    const limited_statements until{**on, limit};
    // A source in WAL mode left its mark in the first page. SQLite sees it when it reads that.
    if (auto looked = (*on)->query_text("SELECT count(*) FROM sqlite_master"); !looked)
      return unexpected{std::move(looked).error()};
    auto mode = (*on)->query_text("PRAGMA journal_mode=DELETE");
    if (!mode)
      return unexpected{std::move(mode).error()};
    if (*mode != "delete")
      return fail(errc::internal, "the copy stays in journal mode " + *mode);
    if (check == copy_check::none)
      return std::vector<std::string>{};
    snapshot view{**on};
    return findings(view, check == copy_check::full ? "PRAGMA integrity_check(1)"
                                                    : "PRAGMA quick_check(1)");
  }();
  if (auto end = limit.over())
    return fail(*std::move(end));
  if (!finished)
    return unexpected{std::move(finished).error()};
  if (!finished->empty())
    return fail(errc::corrupt, "the copy is damaged: " + finished->front());
  return of.flush();
}

} // namespace cortex::storage::detail
