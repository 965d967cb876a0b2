/// The messaging workloads' common ground: a counter that one actor owns and any thread asks.
#pragma once

#include "harness.hpp"
#include "records.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

namespace cortex::bench {

/// A way to one thread's own side of a messaging design. *Not thread-safe*: one for each thread.
class counter_client {
public:
  counter_client() = default;
  counter_client(const counter_client&) = delete;
  counter_client& operator=(const counter_client&) = delete;
  virtual ~counter_client() = default;

  /// Adds one, waits for the counter's new value and stores it.
  virtual outcome call(std::int64_t& value) = 0;
  /// Adds one without an answer.
  virtual outcome tell() = 0;
  /// Asks for an addition and keeps the answer for `take`. @pre fewer than `depth` are in flight
  virtual outcome ask() = 0;
  /// Waits for the answer to the oldest ask in flight. @pre one is in flight
  virtual outcome take(std::int64_t& value) = 0;
};

/// A counter behind messages. *Thread-safe*.
class counter_service {
public:
  counter_service() = default;
  counter_service(const counter_service&) = delete;
  counter_service& operator=(const counter_service&) = delete;
  virtual ~counter_service() = default;

  /// @param depth how many asks the client keeps in flight
  [[nodiscard]] virtual std::unique_ptr<counter_client> connect(unsigned thread, std::size_t depth)
    = 0;

  /// How many additions the counter has made; readable at any time.
  [[nodiscard]] std::int64_t handled() const noexcept {
    return handled_.load(std::memory_order_acquire);
  }

protected:
  /// The handler's work, the same in all designs. Called by one thread at a time.
  std::int64_t add(std::int64_t by) noexcept {
    const auto value = handled_.load(std::memory_order_relaxed) + by;
    handled_.store(value, std::memory_order_release);
    return value;
  }

private:
  alignas(64) std::atomic<std::int64_t> handled_{0};
};

using service_maker = std::function<std::unique_ptr<counter_service>(const setting&)>;

/// Each operation is one blocking call.
[[nodiscard]] subject_maker blocking_calls(service_maker maker);
/// Each operation is one message without an answer, complete when it is handled. No more than
/// 32,768 messages wait at a time.
[[nodiscard]] subject_maker fan_in(service_maker maker);
/// Each operation is an ask and the answer to an earlier one, with `depth` asks in flight.
[[nodiscard]] subject_maker pipelined_asks(service_maker maker, std::size_t depth);

} // namespace cortex::bench
