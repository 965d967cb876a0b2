#include "cortex/connection_pool.hpp"

#include "cortex/storage/pool_core.hpp"
#include "cortex/storage/pool_registry.hpp"

namespace cortex::storage {
namespace {

unexpected given_back() {
  return fail(errc::closed, "the connection was given back");
}

} // namespace

expected<void> validate(const pool_options& options) {
  std::string wrong;
  auto unless = [&wrong](bool good, const std::string& what) {
    if (!good)
      wrong += (wrong.empty() ? "" : "; ") + what;
  };
  constexpr std::chrono::nanoseconds zero{0};
  constexpr std::chrono::days longest{24}; // SQLite counts milliseconds in 31 bits
  unless(options.size >= 1 && options.size <= 64, "size: 1 to 64");
  unless(options.timeout >= zero && options.timeout <= longest, "timeout: 0 to 24 days");
  unless(!options.busy_timeout
           || (*options.busy_timeout >= zero && *options.busy_timeout <= longest),
         "busy_timeout: 0 to 24 days");
  unless(options.write_limit > zero, "write_limit: more than 0");
  unless(options.close_patience >= zero, "close_patience: at least 0");
  unless(options.file.access == access::read_write, "file.access: read_write");
  if (auto file = validate(options.file); !file)
    unless(false, file.error().detail);
  if (!wrong.empty())
    return fail(errc::invalid_argument, std::move(wrong));
  return {};
}

// -- pooled_connection ----------------------------------------------------------------------------

pooled_connection& pooled_connection::operator=(pooled_connection&& other) noexcept {
  if (this != &other) {
    give_back();
    core_ = std::move(other.core_);
    number_ = other.number_;
  }
  return *this;
}

void pooled_connection::give_back() noexcept {
  if (auto core = std::move(core_))
    core->give_back(number_);
}

bool pooled_connection::in_transaction() const noexcept {
  return core_ != nullptr && core_->at(number_).write.lasts();
}

expected<changes> pooled_connection::change(std::string_view sql, detail::change_ref work) {
  if (core_ == nullptr)
    return given_back();
  if (auto own = core_->check_process(); !own)
    return unexpected{std::move(own).error()};
  return core_->change(core_->at(number_), sql, work);
}

expected<detail::pool_view> pooled_connection::begin_read() {
  if (core_ == nullptr)
    return given_back();
  if (auto own = core_->check_process(); !own)
    return unexpected{std::move(own).error()};
  return core_->begin_read(core_->at(number_));
}

expected<void> pooled_connection::end_read(const detail::pool_view& view, const error* problem) {
  return core_->end_read(core_->at(number_), view, problem);
}

expected<written<void>> pooled_connection::commit() {
  if (core_ == nullptr)
    return given_back();
  if (auto own = core_->check_process(); !own)
    return unexpected{std::move(own).error()};
  return core_->commit(core_->at(number_));
}

expected<void> pooled_connection::rollback() {
  if (core_ == nullptr)
    return given_back();
  return core_->rollback(core_->at(number_));
}

expected<connection_settings> pooled_connection::settings() {
  if (core_ == nullptr)
    return given_back();
  if (auto own = core_->check_process(); !own)
    return unexpected{std::move(own).error()};
  return core_->settings(core_->at(number_));
}

// -- connection_pool ------------------------------------------------------------------------------

expected<connection_pool> connection_pool::open(const runtime& rt, const std::string& path,
                                                pool_options options) {
  return detail::pool_core::open(&rt, path, std::move(options)).transform([](auto&& core) {
    return connection_pool{std::move(core)};
  });
}

expected<connection_pool> connection_pool::open(const std::string& path, pool_options options) {
  return detail::pool_core::open(nullptr, path, std::move(options)).transform([](auto&& core) {
    return connection_pool{std::move(core)};
  });
}

expected<connection_pool> connection_pool::shared(const runtime& rt, const std::string& path,
                                                  std::optional<pool_options> options) {
  return detail::shared_pool(&rt, path, options).transform([](auto&& core) {
    return connection_pool{std::move(core)};
  });
}

expected<connection_pool> connection_pool::shared(const std::string& path,
                                                  std::optional<pool_options> options) {
  return detail::shared_pool(nullptr, path, options).transform([](auto&& core) {
    return connection_pool{std::move(core)};
  });
}

expected<pooled_connection> connection_pool::borrow() {
  auto number = core_->borrow();
  if (!number)
    return unexpected{std::move(number).error()};
  return pooled_connection{core_, *number};
}

expected<pool_closing> connection_pool::close() {
  return close(options().close_patience);
}

expected<pool_closing> connection_pool::close(std::chrono::nanoseconds within) {
  auto done = core_->close(within);
  if (done)
    detail::forget_pool(*core_);
  return done;
}

bool connection_pool::closed() const noexcept {
  return core_->closed();
}

bool connection_pool::registered() const noexcept {
  return core_->registered;
}

service_report connection_pool::describe() const {
  return core_->describe();
}

pool_stats connection_pool::stats() const {
  return core_->stats();
}

const pool_options& connection_pool::options() const noexcept {
  return core_->options();
}

const std::string& connection_pool::path() const noexcept {
  return core_->path();
}

// -- the process' pools ---------------------------------------------------------------------------

pool_scope::~pool_scope() {
  if (!pool_.registered())
    static_cast<void>(pool_.close());
}

expected<pool_closing> close_all_pools() {
  if (auto refused = cortex::detail::blocking_refused("closing the pools"))
    return unexpected{*std::move(refused)};
  pool_closing total;
  for (const auto& pool : detail::forget_all_pools())
    if (auto done = pool->close(pool->options().close_patience)) {
      total.closed += done->closed;
      total.lent += done->lent;
    }
  return total;
}

} // namespace cortex::storage
