#include "rivals/services.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <deque>

namespace cortex::bench {
namespace {

using pending_reply = decltype(std::declval<caf::scoped_actor&>()->request(
  std::declval<const caf::actor&>(), caf::infinite, std::int64_t{}));

class caf_client final : public counter_client {
public:
  caf_client(caf::actor_system& system, caf::actor counter)
    : self_(system), counter_(std::move(counter)) {}

  // Without a time limit: CAF pays for one with a delayed message for each request.
  outcome call(std::int64_t& value) override {
    return receive(self_->request(counter_, caf::infinite, std::int64_t{1}), value);
  }
  outcome tell() override {
    caf::anon_send(counter_, std::int32_t{1});
    return outcome::done;
  }
  outcome ask() override {
    asked_.push_back(self_->request(counter_, caf::infinite, std::int64_t{1}));
    return outcome::done;
  }
  outcome take(std::int64_t& value) override {
    auto oldest = asked_.front();
    asked_.pop_front();
    return receive(oldest, value);
  }

private:
  static outcome receive(pending_reply reply, std::int64_t& value) {
    auto result = outcome::failed;
    reply.receive(
      [&](std::int64_t answer) {
        value = answer;
        result = outcome::done;
      },
      [](caf::error&) {});
    return result;
  }

  caf::scoped_actor self_;
  caf::actor counter_;
  std::deque<pending_reply> asked_;
};

class caf_service final : public counter_service {
public:
  explicit caf_service(bool detached) : system_(config_) {
    counter_ = detached ? system_.spawn<caf::detached>(&caf_service::behavior, this)
                        : system_.spawn(&caf_service::behavior, this);
  }
  ~caf_service() override { caf::anon_send_exit(counter_, caf::exit_reason::kill); }

  std::unique_ptr<counter_client> connect(unsigned, std::size_t) override {
    return std::make_unique<caf_client>(system_, counter_);
  }

private:
  /// A 64-bit addition is answered, a 32-bit one is not.
  static caf::behavior behavior(caf::event_based_actor*, caf_service* service) {
    return {
      [service](std::int64_t by) { return service->add(by); },
      [service](std::int32_t by) { (void)service->add(by); },
    };
  }

  caf::actor_system_config config_;
  caf::actor_system system_;
  caf::actor counter_;
};

} // namespace

std::unique_ptr<counter_service> start_caf_service(const setting&) {
  return std::make_unique<caf_service>(false);
}

std::unique_ptr<counter_service> start_caf_detached_service(const setting&) {
  return std::make_unique<caf_service>(true);
}

std::string caf_version() {
  return std::to_string(CAF_MAJOR_VERSION) + '.' + std::to_string(CAF_MINOR_VERSION) + '.'
         + std::to_string(CAF_PATCH_VERSION);
}

} // namespace cortex::bench
