#include "cortex/database.hpp"

#include "cortex/storage/core.hpp"
#include "cortex/storage/migrations.hpp"
#include "cortex/storage/registry.hpp"

#include <limits>

namespace cortex::storage {

expected<void> validate(const database_options& options) {
  std::string wrong;
  auto unless = [&wrong](bool good, const char* what) {
    if (!good)
      wrong += (wrong.empty() ? "" : "; ") + std::string{what};
  };
  constexpr std::chrono::nanoseconds zero{0};
  unless(options.readers >= 1 && options.readers <= 64, "readers: 1 to 64");
  unless(options.reader_threads >= 1 && options.reader_threads <= 16, "reader_threads: 1 to 16");
  unless(options.lane_bound >= 1, "lane_bound: at least 1");
  unless(options.max_group >= 1, "max_group: at least 1");
  unless(options.max_group_bytes >= 1, "max_group_bytes: at least 1");
  unless(options.default_deadline > zero, "default_deadline: more than 0");
  unless(options.default_run_for > zero, "default_run_for: more than 0");
  unless(options.busy_timeout >= zero && options.busy_timeout <= std::chrono::days{24},
         "busy_timeout: 0 to 24 days");
  unless(options.checkpoint_pages >= 1, "checkpoint_pages: at least 1");
  unless(options.wal_budget_bytes >= std::size_t{1} << 20U, "wal_budget_bytes: at least 1 MiB");
  unless(options.reader_patience > zero, "reader_patience: more than 0");
  const auto& governor = options.governor;
  unless(governor.warn_after >= zero, "governor.warn_after: not negative");
  unless(governor.interrupt_after >= zero, "governor.interrupt_after: not negative");
  unless(governor.longest_delay >= zero, "governor.longest_delay: not negative");
  unless(governor.wal_limit_bytes == 0 || governor.wal_limit_bytes >= options.wal_budget_bytes,
         "governor.wal_limit_bytes: 0 or at least wal_budget_bytes");
  unless(options.cache_kib >= 1 && options.cache_kib <= std::numeric_limits<std::int32_t>::max(),
         "cache_kib: 1 to 2^31 - 1");
  unless(!options.exclusive
           || (options.vfs.empty() && options.access == storage::access::read_write),
         "exclusive: not together with vfs or read_only");
  if (auto schema = detail::validate(options.schema); !schema)
    unless(false, schema.error().detail.c_str());
  if (!wrong.empty())
    return fail(errc::invalid_argument, std::move(wrong));
  return {};
}

// -- read_lease -----------------------------------------------------------------------------------

read_lease::read_lease(std::shared_ptr<detail::database_core> core, detail::reader* held,
                       detail::connection& on) noexcept
  : core_(std::move(core)), held_(held), view_(on) {}

read_lease::read_lease(read_lease&& other) noexcept
  : core_(std::move(other.core_)), held_(other.held_), view_(other.view_) {}

read_lease& read_lease::operator=(read_lease&& other) noexcept {
  std::swap(core_, other.core_);
  std::swap(held_, other.held_);
  std::swap(view_, other.view_);
  return *this;
}

read_lease::~read_lease() {
  if (core_ != nullptr)
    core_->give_back(held_);
}

// -- database -------------------------------------------------------------------------------------

namespace {

// What is refused before anything is made. Whoever closes a database of the same file may wait for
// this very thread.
expected<void> check_open(const std::string& path, const database_options& options) {
  if (path != ":memory:" && detail::database_core::busy_here())
    return fail(errc::would_deadlock,
                "opening '" + path + "' would block a handler or a function of a database");
  return validate(options);
}

} // namespace

database::database(std::shared_ptr<detail::database_core> core, std::shared_ptr<void> lifetime,
                   storage::access access) noexcept
  : core_(std::move(core)), lifetime_(std::move(lifetime)), access_(access) {}

expected<database> database::open(const runtime& rt, const std::string& path,
                                  database_options options) {
  if (auto valid = check_open(path, options); !valid)
    return unexpected{std::move(valid).error()};
  const auto access = options.access;
  auto opened = detail::open_shared(rt, path, options, nullptr);
  if (!opened)
    return unexpected{std::move(opened).error()};
  return database{std::move(opened->core), std::move(opened->lifetime), access};
}

expected<database> database::open(const std::string& path, database_options options) {
  if (auto valid = check_open(path, options); !valid)
    return unexpected{std::move(valid).error()};
  auto rt = runtime::open();
  if (!rt)
    return unexpected{std::move(rt).error()};
  const auto access = options.access;
  auto opened = detail::open_shared(*rt, path, options, std::make_shared<runtime>(*rt));
  if (!opened)
    return unexpected{std::move(opened).error()};
  return database{std::move(opened->core), std::move(opened->lifetime), access};
}

write_options database::default_write() const noexcept {
  write_options out;
  out.level = core_->options().level;
  return out;
}

void database::set_up(detail::sliced_write& what, const slice_options& options) const noexcept {
  what.options.level = options.level.value_or(core_->options().level);
  what.options.lane = options.lane;
  what.options.deadline = options.deadline.count() != 0 ? options.deadline
                                                        : std::chrono::nanoseconds::max();
  what.options.stop = options.stop;
  what.slice = options.slice;
}

// A read-only reference to a database that somebody else in the process writes.
bool database::refuse_write(cortex::detail::slot_base& slot) const noexcept {
  if (access_ == storage::access::read_write)
    return false;
  slot.fail({errc::read_only, "'" + core_->path() + "' was opened read-only"});
  slot.unref();
  return true;
}

expected<void> database::submit_and_wait(detail::pending_write& what) {
  if (refuse_write(what.slot()))
    return {};
  return core_->submit_and_wait(what);
}

void database::submit(detail::pending_write& what) {
  if (!refuse_write(what.slot()))
    core_->submit(what);
}

void database::submit(detail::pending_read& what) {
  core_->submit(what);
}

expected<read_lease> database::lease(const read_options& options) {
  if (auto refused = cortex::detail::blocking_refused("a read"))
    return unexpected{*std::move(refused)};
  auto held = core_->take_reader(options);
  if (!held)
    return unexpected{std::move(held).error()};
  return read_lease{core_, *held, core_->connection_of(*held)};
}

expected<std::uint64_t> database::checkpoint() {
  if (auto refused = cortex::detail::blocking_refused("a checkpoint"))
    return unexpected{*std::move(refused)};
  return core_->checkpoint();
}

database_stats database::stats() const {
  return core_->stats();
}

service_report database::describe() const {
  return core_->describe();
}

std::uint64_t database::commit_number() const noexcept {
  return core_->commit_number();
}

const std::string& database::path() const noexcept {
  return core_->path();
}

expected<void> database::close(std::chrono::nanoseconds within) {
  return core_->close(deadline_after(std::chrono::steady_clock::now(), within));
}

} // namespace cortex::storage
