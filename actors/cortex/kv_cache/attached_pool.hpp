/// A pool in this process's address space, with the lease that says so.
#pragma once

#include "cortex/kv_cache/locked.hpp"
#include "cortex/kv_pool.hpp"

#include <memory>

namespace cortex::kv_cache::detail {

/// What `pool` and its pins share. *Thread-safe*.
class attached_pool : public std::enable_shared_from_this<attached_pool> {
public:
  /// Errors: as `pool::attach`.
  [[nodiscard]] static expected<std::shared_ptr<attached_pool>> open(const std::string& name,
                                                                     const attach_options& options);
  attached_pool(const attached_pool&) = delete;
  attached_pool& operator=(const attached_pool&) = delete;
  ~attached_pool();

  [[nodiscard]] const segment& of() const noexcept { return segment_; }
  /// Seconds since 1970.
  [[nodiscard]] double now() const noexcept;
  /// Runs `work(block_pool&)` under the lock. Errors: as `with_books`; `forked`.
  template <class F>
  auto run(F work) const -> std::invoke_result_t<F&, block_pool&> {
    if (forked())
      return fail(errc::forked, "the pool was attached before the fork");
    return with_books(segment_, options_.patience, std::move(work));
  }
  /// The same for what changes rows.
  template <class F>
  auto change(F work) const -> std::invoke_result_t<F&, block_pool&> {
    return run([&](block_pool& books) {
      auto result = work(books);
      segment_.count_change();
      return result;
    });
  }

  /// @pre in `run`
  [[nodiscard]] expected<pin_name> pin_now(block_pool& books, std::int64_t id,
                                           std::chrono::nanoseconds within) const;
  [[nodiscard]] kv_cache::pin hold(const pin_name& which);
  expected<void> unpin(const pin_name& which) const;

private:
  attached_pool(segment what, const attach_options& options);
  [[nodiscard]] bool forked() const noexcept;

  segment segment_;
  attach_options options_;
  std::uint32_t forks_;
  std::uint32_t lease_ = none;
};

} // namespace cortex::kv_cache::detail
