/// Workloads among actors themselves: messages from one to the next, and many short lives.
#pragma once

#include "harness.hpp"
#include "records.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace cortex::bench {

constexpr unsigned ring_size = 4;    ///< Actors that hand tokens on in a circle.
constexpr unsigned token_count = 64; ///< Tokens that go round.
constexpr unsigned brood_size = 256; ///< Actors that live at the same time where lives are counted.

/// Actors as a design makes them. Each counts what it handles by `note_handled`. *Thread-safe*.
class actor_crowd {
public:
  explicit actor_crowd(gate* shared) : shared_(shared) {}
  actor_crowd(const actor_crowd&) = delete;
  actor_crowd& operator=(const actor_crowd&) = delete;
  virtual ~actor_crowd() = default;

  /// Makes `ring_size` actors, each of which hands a token on to the next until the measurement is
  /// over, and gives `token_count` tokens to them.
  virtual void start_ring() = 0;
  /// Makes `brood_size` actors, sends each one message and lets it go: it ends with that.
  virtual void start_brood() = 0;
  /// Makes `count` actors that have each handled one message, and keeps them.
  virtual void keep_idle(std::size_t count) = 0;

  [[nodiscard]] std::uint64_t handled() const noexcept {
    return handled_.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::uint64_t ended() const noexcept {
    return ended_.load(std::memory_order_acquire);
  }

protected:
  void note_handled() noexcept { handled_.fetch_add(1, std::memory_order_acq_rel); }
  void note_ended() noexcept { ended_.fetch_add(1, std::memory_order_acq_rel); }
  [[nodiscard]] bool over() const noexcept { return shared_ != nullptr && shared_->over(); }
  [[nodiscard]] gate* shared() const noexcept { return shared_; }

private:
  gate* shared_;
  alignas(64) std::atomic<std::uint64_t> handled_{0};
  alignas(64) std::atomic<std::uint64_t> ended_{0};
};

using crowd_maker = std::function<std::unique_ptr<actor_crowd>(gate* shared)>;

[[nodiscard]] std::unique_ptr<actor_crowd> make_cortex_crowd(gate* shared);
[[nodiscard]] std::unique_ptr<actor_crowd> make_caf_crowd(gate* shared);

/// Each operation is one message between two actors.
[[nodiscard]] subject_maker messages_in_a_ring(crowd_maker maker);
/// Each operation is one actor's life: made, told one thing, ended.
[[nodiscard]] subject_maker short_lives(crowd_maker maker);

} // namespace cortex::bench
