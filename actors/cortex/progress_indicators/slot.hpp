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

/// A beginning or an ending, as things were when a handle made it.
struct transition {
  std::uint64_t number = 0;                         ///< Among those of its display, from 1.
  progress_indicators::status to = status::running; ///< `running` = it begins.
  std::string text{};                  ///< The message of a spinner, or the text of the ending.
  std::optional<std::string> latest{}; ///< Of an ending: the message that nobody has seen yet.
  std::uint64_t position = 0;
  std::uint64_t total = 0;
  monotonic_time at{};
  bool with_original = false; ///< Of a spinner's ending: the text is the message of its start.
};

/// A message and the number of the transition that it was put after.
struct message {
  std::string text;
  std::uint64_t after = 0;
};

/// The status of a display and the number of transitions that led to it, in one word. While one is
/// made nobody else makes one: that takes a few instructions, and no handle waits otherwise.
/// *Thread-safe*.
class turnstile {
public:
  turnstile(std::uint64_t number, status now) noexcept : word_(packed(number, now)) {}

  [[nodiscard]] status now() const noexcept {
    return static_cast<status>(word_.load(std::memory_order_acquire) & status_bits);
  }
  /// Of the last transition; of the one before while one is made.
  [[nodiscard]] std::uint64_t number() const noexcept {
    return word_.load(std::memory_order_acquire) >> shift;
  }

  /// Alone calls `make(number)` if `from(status)`. True then.
  template <class From, class Make>
  bool pass(From from, status to, Make make) {
    auto seen = word_.load(std::memory_order_acquire);
    for (;;) {
      if ((seen & changing) != 0) {
        word_.wait(seen, std::memory_order_acquire);
        seen = word_.load(std::memory_order_acquire);
      } else if (!from(static_cast<status>(seen & status_bits))) {
        return false;
      } else if (word_.compare_exchange_weak(seen, packed(seen >> shift, to) | changing,
                                             std::memory_order_acq_rel)) {
        break;
      }
    }
    const auto number = (seen >> shift) + 1;
    make(number);
    word_.store(packed(number, to), std::memory_order_release);
    word_.notify_all();
    return true;
  }
  /// The actor's own ending. False if a handle was first; does not wait for it.
  bool end(status to) noexcept {
    auto seen = word_.load(std::memory_order_acquire);
    while ((seen & (status_bits | changing)) == packed(0, status::running))
      if (word_.compare_exchange_weak(seen, packed((seen >> shift) + 1, to),
                                      std::memory_order_acq_rel))
        return true;
    return false;
  }
  /// Of one that has ended for good.
  void correct(status to) noexcept { word_.store(packed(number(), to), std::memory_order_release); }

private:
  static constexpr std::uint64_t status_bits = 0xff;
  static constexpr std::uint64_t changing = 0x100;
  static constexpr unsigned shift = 9;
  [[nodiscard]] static constexpr std::uint64_t packed(std::uint64_t number, status now) noexcept {
    return (number << shift) | static_cast<std::uint64_t>(now);
  }

  std::atomic<std::uint64_t> word_;
};

/// The handle writes the atomics, the actor reads them when it draws. *Thread-safe* in them; the
/// rest is constant, but for what is said to be the actor's.
struct slot {
  /// One that is running has begun: by its first transition.
  slot(context made, double share, std::uint64_t of_all)
    : id(made.id),
      weight(share > 0 ? share : 1.0),
      state(made.status == status::running ? 1 : 0, made.status),
      total(of_all),
      content(std::move(made)) {}
  slot(const slot&) = delete;
  slot& operator=(const slot&) = delete;
  ~slot() { delete pending.load(std::memory_order_acquire); }

  /// Replaces the message that the actor has not seen yet.
  void put(std::string text) {
    delete pending.exchange(new message{std::move(text), state.number()},
                            std::memory_order_acq_rel);
  }
  /// Takes it out.
  [[nodiscard]] std::optional<message> take() {
    if (pending.load(std::memory_order_relaxed) == nullptr)
      return std::nullopt;
    const std::unique_ptr<message> taken{pending.exchange(nullptr, std::memory_order_acq_rel)};
    return taken ? std::optional{std::move(*taken)} : std::nullopt;
  }
  /// Ends or begins it, if it is in one of these states, with what was put and counted before.
  template <class From>
  [[nodiscard]] std::optional<transition> change(From from, status to) {
    std::optional<transition> made;
    state.pass(from, to, [&](std::uint64_t number) {
      made.emplace();
      made->number = number;
      made->to = to;
      if (auto latest = take())
        made->latest = std::move(latest->text);
      made->position = position.load(std::memory_order_relaxed);
      made->total = total.load(std::memory_order_relaxed);
    });
    return made;
  }

  const std::uint64_t id;
  const double weight;
  turnstile state; // whoever ends it changes it first
  std::atomic<double> expected_weight{0};
  std::atomic<message*> pending{nullptr}; // owned
  std::atomic<std::uint64_t> total;
  alignas(64) std::atomic<std::uint64_t> position{0};

  /// `refused`: nested too deeply.
  enum class presence : std::uint8_t { unknown, shown, ended, refused };

  // The actor's:
  alignas(64) context content;
  presence where = presence::unknown;
  std::uint64_t done = 0;             // the number of the last transition that was shown
  std::vector<transition> early{};    // whose turn has not come
  std::optional<message> unseen{};    // that belongs after one of those
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
