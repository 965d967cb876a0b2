// Bare CAF in the rows of actors among themselves: event-based actors, no metrics, no names.

#include "crowd.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <vector>

namespace cortex::bench {
namespace {

class caf_crowd final : public actor_crowd {
public:
  explicit caf_crowd(gate* shared) : actor_crowd(shared), system_(config_) {}
  ~caf_crowd() override {
    for (const auto& each : members_)
      caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
  }

  void start_ring() override {
    for (unsigned i = 0; i < ring_size; ++i)
      members_.push_back(system_.spawn<member>(this));
    for (unsigned i = 0; i < ring_size; ++i)
      caf::anon_send(members_[i], members_[(i + 1) % ring_size]);
    for (unsigned i = 0; i < token_count; ++i)
      caf::anon_send(members_[i % ring_size], std::int32_t{1});
  }

  void start_brood() override {
    for (unsigned i = 0; i < brood_size; ++i)
      caf::anon_send(system_.spawn<member>(this), std::int32_t{1});
  }

  void keep_idle(std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i) {
      members_.push_back(system_.spawn<member>(this));
      caf::anon_send(members_.back(), std::int32_t{1});
    }
  }

private:
  class member final : public caf::event_based_actor {
  public:
    member(caf::actor_config& config, caf_crowd* crowd)
      : caf::event_based_actor(config), crowd_(crowd) {}

    caf::behavior make_behavior() override {
      return {
        [this](std::int32_t what) {
          crowd_->note_handled();
          if (next_ && !crowd_->over())
            send(next_, what);
        },
        [this](const caf::actor& next) { next_ = next; },
      };
    }
    void on_exit() override {
      next_ = nullptr;
      crowd_->note_ended();
    }

  private:
    caf_crowd* crowd_;
    caf::actor next_;
  };

  caf::actor_system_config config_;
  caf::actor_system system_;
  std::vector<caf::actor> members_;
};

} // namespace

std::unique_ptr<actor_crowd> make_caf_crowd(gate* shared) {
  return std::make_unique<caf_crowd>(shared);
}

} // namespace cortex::bench
