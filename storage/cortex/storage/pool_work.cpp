// What is done with a lent connection: statements, transactions, reads.

#include "cortex/storage/pool_core.hpp"
#include "cortex/storage/statement_kind.hpp"

#include <sqlite3.h>

#include <algorithm>

namespace cortex::storage::detail {
namespace {

bool is_overdue(const expected<void>& left) {
  return !left && left.error().code == errc::timeout;
}

expected<std::int64_t> number_of(connection& on, const std::string& pragma) {
  auto text = on.query_text("PRAGMA " + pragma);
  if (!text)
    return unexpected{std::move(text).error()};
  return std::strtoll(text->c_str(), nullptr, 10);
}

expected<connection_settings> settings_of(connection& on) {
  connection_settings out;
  auto mode = on.query_text("PRAGMA journal_mode");
  auto encoding = on.query_text("PRAGMA encoding");
  if (!mode || !encoding)
    return unexpected{mode ? encoding.error() : mode.error()};
  out.journal_mode = *std::move(mode);
  out.encoding = *std::move(encoding);
  const std::pair<const char*, std::int64_t*> numbers[]{
    {"synchronous", &out.synchronous}, {"cache_size", &out.cache_size},
    {"temp_store", &out.temp_store},   {"foreign_keys", &out.foreign_keys},
    {"page_size", &out.page_size},     {"auto_vacuum", &out.auto_vacuum}};
  for (const auto& [pragma, place] : numbers) {
    auto number = number_of(on, pragma);
    if (!number)
      return unexpected{std::move(number).error()};
    *place = *number;
  }
  out.busy_timeout
    = on.busy_timeout().count(); // waited for in our own way, which pragmas do not know
  return out;
}

} // namespace

// -- changes --------------------------------------------------------------------------------------

expected<void> pool_core::begin_write(pooled& lent) {
  if (auto refused = cortex::detail::blocking_refused("a write"))
    return unexpected{*std::move(refused)};
  const patience wait{clock(), lent.left};
  auto begun = lent.write.begin(*core_, core_->options().level, wait);
  lent.left = std::max(lent.left - wait.spent(), std::chrono::nanoseconds{0});
  if (begun)
    note_write();
  else if (begun.error().code == errc::timeout)
    return too_late(begun.error().detail, stage::lane);
  return begun;
}

// A transaction that a statement has begun is kept for what it changed, and not without that.
expected<changes> pool_core::change(pooled& lent, std::string_view sql, change_ref work) {
  const auto kind = kind_of(sql);
  const bool begins = !lent.write.active();
  if (begins && kind == statement_kind::query)
    return query(lent, work);
  if (auto inside = begins ? begin_write(lent) : lent.write.enter(); !inside)
    return unexpected{std::move(inside).error()};
  if (kind == statement_kind::schema)
    return change_schema(lent, work, begins);
  auto& on = lent.write.on();
  const auto before = sqlite3_total_changes64(on.raw());
  transaction view{on};
  auto result = work(view);
  const bool keep = !begins
                    || (result ? on.changed() : sqlite3_total_changes64(on.raw()) != before);
  if (!result)
    note(lent, result.error());
  if (auto left = lent.write.leave(); is_overdue(left) || (result && !left))
    return unexpected{std::move(left).error()};
  if (!keep)
    static_cast<void>(rollback(lent));
  return result;
}

// Temporary tables would stay with the writer's connection, for everybody.
expected<changes> pool_core::change_schema(pooled& lent, change_ref work, bool alone) {
  constexpr auto count = "SELECT count(*) FROM temp.sqlite_master";
  auto& on = lent.write.on();
  const auto before = on.query_text(count);
  on.run(connection::fixed::savepoint);
  transaction view{on};
  auto result = work(view);
  if (result && on.query_text(count).value_or(std::string{}) != before.value_or(std::string{}))
    result = fail(errc::unsupported, "a temporary table would belong to every borrower");
  if (on.in_transaction()) {
    if (!result)
      on.run(connection::fixed::rollback_to);
    on.run(connection::fixed::release);
  }
  if (!result)
    note(lent, result.error());
  if (auto left = lent.write.leave(); is_overdue(left) || (result && !left))
    return unexpected{std::move(left).error()};
  if (alone && !result)
    static_cast<void>(rollback(lent));
  if (alone && result)
    if (auto done = commit(lent); !done)
      return unexpected{std::move(done).error()};
  return result;
}

expected<written<void>> pool_core::commit(pooled& lent) {
  if (auto refused = cortex::detail::blocking_refused("a commit"))
    return unexpected{*std::move(refused)};
  const auto level = core_->options().level;
  if (!lent.write.active())
    return written<void>{core_->commit_number(), level};
  if (auto inside = lent.write.enter(); !inside)
    return unexpected{std::move(inside).error()};
  auto number = lent.write.commit();
  if (!lent.write.active())
    new_unit(lent);
  if (!number) {
    note(lent, number.error());
    return unexpected{std::move(number).error()};
  }
  return written<void>{*number, level};
}

expected<void> pool_core::rollback(pooled& lent) {
  if (auto good = check_process(); !good)
    return good;
  if (lent.write.active() && lent.write.enter())
    lent.write.undo();
  new_unit(lent);
  return {};
}

// -- reads ----------------------------------------------------------------------------------------

expected<pool_view> pool_core::begin_read(pooled& lent) {
  if (auto refused = cortex::detail::blocking_refused("a read"))
    return unexpected{*std::move(refused)};
  if (lent.write.active()) {
    if (auto inside = lent.write.enter(); !inside)
      return unexpected{std::move(inside).error()};
    return pool_view{&lent.write.on(), nullptr, true};
  }
  auto taken = core_->take_reader(
    {.owner = lent.owner, .deadline = std::max(lent.left, std::chrono::nanoseconds{1})});
  if (!taken && taken.error().code == errc::timeout)
    return too_late(taken.error().detail, stage::reader);
  if (!taken) {
    note(lent, taken.error());
    return unexpected{std::move(taken).error()};
  }
  return pool_view{&core_->connection_of(*taken), *taken, false};
}

expected<void> pool_core::end_read(pooled& lent, const pool_view& view, const error* problem) {
  if (problem != nullptr)
    note(lent, *problem);
  if (view.in_transaction) {
    auto left = lent.write.leave();
    return problem == nullptr || is_overdue(left) ? left : expected<void>{};
  }
  if (lent.suspect && problem != nullptr && view.leased != nullptr)
    renew(*view.leased);
  core_->give_back(view.leased);
  return {};
}

// It ran on a connection that can change nothing, or begins by looking only.
expected<changes> pool_core::query(pooled& lent, change_ref work) {
  auto view = begin_read(lent);
  if (!view)
    return unexpected{std::move(view).error()};
  transaction through{*view->on};
  auto result = work(through);
  if (auto ended = end_read(lent, *view, result ? nullptr : &result.error()); !ended)
    return unexpected{std::move(ended).error()};
  return std::move(result).transform([](changes) { return changes{}; });
}

void pool_core::note(pooled& lent, const error& problem) noexcept {
  if (problem.code == errc::io || problem.code == errc::corrupt)
    lent.suspect = true;
}

void pool_core::renew(reader& failed) noexcept {
  auto opened = connection::open(core_->connect_options(true));
  // A first read: opens the log's index, and finds out whether it is any better.
  if (!opened || !(*opened)->query_text("SELECT count(*) FROM sqlite_master"))
    return;
  failed.replace(*std::move(opened));
  replaced_.fetch_add(1, std::memory_order_relaxed);
}

expected<connection_settings> pool_core::settings(pooled& lent) {
  auto view = begin_read(lent);
  if (!view)
    return unexpected{std::move(view).error()};
  auto reads = settings_of(*view->on);
  if (auto ended = end_read(lent, *view, reads ? nullptr : &reads.error()); !ended || !reads)
    return unexpected{reads ? ended.error() : reads.error()};
  if (view->in_transaction)
    return reads; // the writer's
  auto writes = held_write::with_writer(*core_, core_->options().level,
                                        patience{clock(), lent.left},
                                        [](connection& on) { return settings_of(on); });
  if (!writes)
    return writes;
  reads->synchronous = writes->synchronous; // means nothing to a reader
  if (*reads != *writes)
    return fail(errc::internal, "the reader and the writer of '" + path() + "' differ");
  return writes;
}

// -- transactions that last too long --------------------------------------------------------------

void pool_core::note_write() noexcept {
  if (!watching_.load(std::memory_order_acquire)) {
    const std::lock_guard guard{starting_};
    if (!watching_.load(std::memory_order_relaxed) && !stopping_.load(std::memory_order_relaxed)) {
      watcher_ = std::thread{[this] { watch(); }};
      watching_.store(true, std::memory_order_release);
    }
  }
  if (drowsy_.load(std::memory_order_seq_cst) && drowsy_.exchange(false, std::memory_order_seq_cst))
    bell_.ring();
}

// Sleeps by periods while there are writes, so that a write costs no wake of this thread.
void pool_core::watch() noexcept {
  const auto period
    = std::max<std::chrono::nanoseconds>(options_.write_limit / 4, std::chrono::milliseconds{1});
  auto stops = [this] { return stopping_.load(std::memory_order_seq_cst); };
  while (!stops()) {
    drowsy_.store(true, std::memory_order_seq_cst);
    if (std::ranges::none_of(all_, [](const auto& each) { return each->write.active(); })) {
      bell_.sleep([&] { return !drowsy_.load(std::memory_order_seq_cst) || stops(); });
      continue;
    }
    drowsy_.store(false, std::memory_order_seq_cst);
    const auto oldest = clock().now() - options_.write_limit;
    for (const auto& each : all_)
      if (each->write.undo_if_older(oldest)) {
        overdue_.fetch_add(1, std::memory_order_relaxed);
        log(severity::warning, each->owner + " held the writer for too long and was cut off");
      }
    bell_.sleep(stops, patience{clock(), period}.look_again());
  }
}

void pool_core::stop_watching() noexcept {
  const std::lock_guard guard{starting_};
  stopping_.store(true, std::memory_order_seq_cst);
  bell_.ring();
  if (watcher_.joinable())
    watcher_.join();
}

} // namespace cortex::storage::detail
