/// What a display's handle and the actor share.
#pragma once

#include "cortex/progress_indicators.hpp"
#include "cortex/progress_indicators/estimator.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cortex::progress_indicators::detail {

/// The handle writes the atomics, the actor reads them when it draws. *Thread-safe* in them; the
/// rest is constant, but for what is said to be the actor's.
struct slot {
  slot(context made, double share, std::uint64_t of_all)
    : id(made.id), weight(share > 0 ? share : 1.0), total(of_all), content(std::move(made)) {
    state.store(content.status, std::memory_order_relaxed);
  }
  slot(const slot&) = delete;
  slot& operator=(const slot&) = delete;
  ~slot() { delete pending.load(std::memory_order_acquire); }

  /// Replaces the message that the actor has not seen yet.
  void put(std::string text) {
    delete pending.exchange(new std::string(std::move(text)), std::memory_order_acq_rel);
  }
  /// Takes it out.
  [[nodiscard]] std::optional<std::string> take() {
    if (pending.load(std::memory_order_relaxed) == nullptr)
      return std::nullopt;
    const std::unique_ptr<std::string> taken{pending.exchange(nullptr, std::memory_order_acq_rel)};
    return taken ? std::optional{std::move(*taken)} : std::nullopt;
  }

  const std::uint64_t id;
  const double weight;
  std::atomic<status> state{status::running}; // whoever ends it changes it first
  std::atomic<double> expected_weight{0};
  std::atomic<std::string*> pending{nullptr}; // owned
  std::atomic<std::uint64_t> total;
  alignas(64) std::atomic<std::uint64_t> position{0};

  enum class presence : std::uint8_t { unknown, shown, ended };

  // The actor's:
  alignas(64) context content;
  presence where = presence::unknown;
  std::string original{};             // of a spinner: the message of its start
  std::vector<std::string> reasons{}; // of steps that failed or were skipped
  estimator pace{monotonic_time{}};
  std::size_t glyph = 0;           // runs on over restarts
  std::uint64_t told_position = 0; // in an event
  std::string told_message{};
  monotonic_time told_at{};
};

using slot_ref = std::shared_ptr<slot>;

} // namespace cortex::progress_indicators::detail
