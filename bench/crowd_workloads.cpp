// What is measured: messages per second that actors send to each other without any thread outside,
// and actors per second that are made, told one thing and ended. Left out: starting the system.
// Rerun: cortex_bench --only actor_

#include "crowd.hpp"

#include <thread>
#include <utility>

namespace cortex::bench {
namespace {

constexpr std::chrono::milliseconds look_again{1};

class ring_subject final : public subject {
public:
  explicit ring_subject(std::unique_ptr<actor_crowd> crowd) : crowd_(std::move(crowd)) {}

  void run(worker& self) override {
    crowd_->start_ring();
    while (self.running())
      std::this_thread::sleep_for(look_again);
  }

  [[nodiscard]] std::optional<std::uint64_t> progress() const override { return crowd_->handled(); }

  std::uint64_t close_and_count_lost() override {
    crowd_.reset(); // awaits what is under way
    return 0;
  }

private:
  std::unique_ptr<actor_crowd> crowd_;
};

class brood_subject final : public subject {
public:
  explicit brood_subject(std::unique_ptr<actor_crowd> crowd) : crowd_(std::move(crowd)) {}

  void run(worker& self) override {
    while (self.running()) {
      crowd_->start_brood();
      made_ += brood_size;
      while (crowd_->ended() < made_)
        std::this_thread::yield();
    }
  }

  [[nodiscard]] std::optional<std::uint64_t> progress() const override { return crowd_->ended(); }

  /// Each was told one thing before it was let go.
  std::uint64_t close_and_count_lost() override {
    const auto handled = crowd_->handled();
    crowd_.reset();
    return made_ - handled;
  }

private:
  std::unique_ptr<actor_crowd> crowd_;
  std::uint64_t made_ = 0;
};

} // namespace

subject_maker messages_in_a_ring(crowd_maker maker) {
  return [maker = std::move(maker)](const setting& where) {
    return std::make_unique<ring_subject>(maker(where.shared));
  };
}

subject_maker short_lives(crowd_maker maker) {
  return [maker = std::move(maker)](const setting& where) {
    return std::make_unique<brood_subject>(maker(where.shared));
  };
}

} // namespace cortex::bench
