/// Reads and writes of the preferences that wait for their turn, and who is told of changes.
#pragma once

#include "cortex/config_manager/preferences_store.hpp"
#include "cortex/detail/host_calls.hpp"
#include "cortex/future.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

namespace cortex::config_manager {

namespace detail {

/// Whom to call. *Thread-safe*.
struct listener {
  explicit listener(change_listener what) : call(std::move(what)) {}

  const change_listener call;
  std::atomic<bool> active{true};
  std::atomic<std::uint32_t> waiting{0}; ///< Changes that were not told yet.
  std::atomic<bool> missed{false};
};

} // namespace detail

using listeners = std::vector<std::shared_ptr<detail::listener>>;

/// One thread works on the files at a time, and only while there is something to do: what waits
/// when it comes back is one group, whose writes become one. *Thread-safe*.
class preferences_queue : public std::enable_shared_from_this<preferences_queue> {
public:
  preferences_queue(runtime rt, std::shared_ptr<cortex::detail::host_calls> calls,
                    store_setting setting);
  preferences_queue(const preferences_queue&) = delete;
  preferences_queue& operator=(const preferences_queue&) = delete;
  ~preferences_queue() = default;

  /// Answered when the file is on the disk. Errors also: `overloaded` if 65,536 wait.
  void write(write_request change, promise<saved> reply);
  /// Answered with what the file says at some moment from now on.
  void load(promise<yaml> reply);
  /// Has the files read again: somebody may have changed them.
  void look_again();

  [[nodiscard]] const published<snapshot>& values() const noexcept { return *values_; }
  /// Changed by the actor alone.
  [[nodiscard]] published<listeners>& heard_by() noexcept { return heard_by_; }

private:
  struct piece {
    struct write {
      write_request change;
      promise<saved> reply;
    };
    struct look {};

    std::variant<write, promise<yaml>, look> what;
    piece* next = nullptr;
  };
  using group = std::vector<std::unique_ptr<piece>>;

  void submit(std::unique_ptr<piece> what);
  [[nodiscard]] group take_all() noexcept;
  template <class Work>
  void while_any_waits(Work work) noexcept;
  void work_on(group& pieces);
  void tell(const change& what);

  runtime rt_; // does not keep it running
  std::shared_ptr<cortex::detail::host_calls> calls_;
  std::shared_ptr<published<snapshot>> values_ = std::make_shared<published<snapshot>>();
  published<listeners> heard_by_;
  std::atomic<piece*> newest_{nullptr};
  std::atomic<std::size_t> waiting_{0}; // who makes it 1 works on the store until it is 0
  std::atomic<bool> looks_{false};      // one look waits at most
  preferences_store store_;             // of whoever works
};

} // namespace cortex::config_manager
