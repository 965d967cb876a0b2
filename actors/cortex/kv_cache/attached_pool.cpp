#include "cortex/kv_cache/attached_pool.hpp"

#include "cortex/fork_guard.hpp"

namespace cortex::kv_cache::detail {

attached_pool::attached_pool(segment what, const attach_options& options)
  : segment_(std::move(what)), options_(options), forks_(cortex::detail::fork_generation()) {
  if (options_.wall == nullptr)
    options_.wall = &system_wall_clock();
}

expected<std::shared_ptr<attached_pool>> attached_pool::open(const std::string& name,
                                                             const attach_options& options) {
  if (options.patience.count() <= 0)
    return fail(errc::invalid_argument, "patience: more than 0");
  auto mapped = segment::open(options.directory, name);
  if (!mapped)
    return unexpected{std::move(mapped).error()};
  std::shared_ptr<attached_pool> out{new attached_pool{*std::move(mapped), options}};
  const auto me = this_process();
  auto lease = out->run([&](block_pool& books) { return books.take_lease(me, out->now()); });
  if (!lease)
    return unexpected{std::move(lease).error()};
  out->lease_ = *lease;
  return out;
}

attached_pool::~attached_pool() {
  if (lease_ == none || forked())
    return;
  try {
    const auto left = run([this](block_pool& books) -> expected<void> {
      books.drop_lease(lease_);
      return {};
    });
    if (left)
      return;
  } catch (...) { // no memory
  }
  // Whoever needs room next takes the pins; nobody takes the lease before that.
  publish(segment_.books().lease(lease_).abandoned, 1);
}

double attached_pool::now() const noexcept {
  return std::chrono::duration<double>(options_.wall->now().time_since_epoch()).count();
}

bool attached_pool::forked() const noexcept {
  return cortex::detail::fork_generation() != forks_;
}

expected<pin_name> attached_pool::pin_now(block_pool& books, std::int64_t id,
                                          std::chrono::nanoseconds within) const {
  if (within.count() <= 0)
    return fail(errc::invalid_argument, "a pin lasts more than 0");
  const auto from = now();
  return books.pin(id, lease_, from + std::chrono::duration<double>(within).count(), from);
}

kv_cache::pin attached_pool::hold(const pin_name& which) {
  return {shared_from_this(), which.at, which.serial};
}

expected<void> attached_pool::unpin(const pin_name& which) const {
  return run([&which](block_pool& books) -> expected<void> {
    books.unpin(which);
    return {};
  });
}

} // namespace cortex::kv_cache::detail
