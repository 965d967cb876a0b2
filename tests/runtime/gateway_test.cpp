#include "host_system.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace cortex::testing {
namespace {

/// What a CAF request through a gateway came to: a value, or the error.
template <class Reply>
struct outcome {
  std::optional<Reply> value;
  caf::error failed;
};

template <class Reply, class Request>
outcome<Reply> ask(caf::actor_system& system, const caf::actor& to, Request request) {
  outcome<Reply> out;
  caf::scoped_actor self{system};
  self->request(to, default_deadline, std::move(request))
    .receive([&](const Reply& value) { out.value = value; },
             [&](caf::error& problem) { out.failed = std::move(problem); });
  return out;
}

caf::actor open_gateway(host_system& host, const worker_handle& to) {
  auto opened = gateway(*host, to);
  REQUIRE(opened);
  return *std::move(opened);
}

/// A host's own actor. It asks ours and answers once it has the answer, and counts on one thread.
caf::behavior doubler(caf::event_based_actor* self, const caf::actor& gate) {
  auto asked = std::make_shared<int>(0);
  return {
    [self, gate, asked](int n) {
      auto promise = self->make_response_promise<int>();
      *asked += 1;
      self->request(gate, default_deadline, echo{n})
        .then([promise, asked](int value) mutable { promise.deliver(2 * value + 0 * *asked); },
              [promise](caf::error& problem) mutable { promise.deliver(std::move(problem)); });
      return promise;
    },
    [self, gate](const std::string&) { return self->delegate(gate, keep{}); },
  };
}

} // namespace

TEST_CASE("a CAF actor asks an actor through its gateway and is answered", "[gateway]") {
  host_system host;
  auto rt = open_on(host);
  auto actor = spawn_worker(rt);
  const auto gate = open_gateway(host, actor);

  CHECK(ask<int>(*host, gate, echo{3}).value == 3);
  bool added = false;
  caf::scoped_actor self{*host};
  self->request(gate, default_deadline, add{2})
    .receive([&] { added = true; }, [](const caf::error&) {});

  CHECK(added);
  CHECK(actor.call(total{}).value() == 2);
}

TEST_CASE("the errors of an actor come through a gateway whole", "[gateway][errors]") {
  host_system host;
  auto rt = open_on(host);
  auto actor = spawn_worker(rt);
  const auto gate = open_gateway(host, actor);

  const auto missing = from_caf(ask<int>(*host, gate, find{false}).failed);
  REQUIRE(missing);
  CHECK(missing->code == errc::not_found);
  CHECK(missing->detail == "nothing there");
  REQUIRE(rt.stop());
  const auto closed = from_caf(ask<int>(*host, gate, echo{1}).failed);
  REQUIRE(closed);
  CHECK(closed->code == errc::closed);
}

TEST_CASE("an error survives the way to CAF and back", "[gateway][errors]") {
  error busy{errc::overloaded, "full", stage::lane};
  busy.retry_after = 7ms;

  const auto back = from_caf(to_caf(busy));

  REQUIRE(back);
  CHECK(back->code == errc::overloaded);
  CHECK(back->detail == "full");
  CHECK(back->where == stage::lane);
  CHECK(back->retry_after == 7ms);
  CHECK_FALSE(from_caf(caf::make_error(caf::sec::request_timeout)));
  CHECK_FALSE(from_caf(caf::error{}));
}

TEST_CASE("what is not in the protocol is an unexpected message", "[gateway][errors]") {
  host_system host;
  auto rt = open_on(host);
  const auto gate = open_gateway(host, spawn_worker(rt));

  CHECK(ask<int>(*host, gate, std::string{"what?"}).failed == caf::sec::unexpected_message);
  CHECK(ask<int>(*host, gate, echo{1}).value == 1);
}

TEST_CASE("what is sent to a gateway without a wish for an answer is a tell", "[gateway]") {
  host_system host;
  auto rt = open_on(host);
  auto actor = spawn_worker(rt);
  const auto gate = open_gateway(host, actor);

  caf::anon_send(gate, add{4});
  caf::anon_send(gate, std::string{"dropped"});
  caf::anon_send_exit(gate, caf::exit_reason::kill); // it has no life of its own to end
  caf::anon_send(gate, add{2});

  CHECK(actor.call(total{}).value() == 6);
}

TEST_CASE("many actors of a host ask through one gateway without blocking a worker",
          "[gateway][concurrency]") {
  host_system host{2};
  auto rt = open_on(host);
  auto actor = spawn_worker(rt);
  const auto gate = open_gateway(host, actor);
  std::vector<caf::actor> doublers;
  for (int i = 0; i < 8; ++i)
    doublers.push_back(host->spawn(doubler, gate));

  run_threads(4, [&](std::size_t thread) {
    caf::scoped_actor self{*host};
    for (int i = 0; i < 200; ++i) {
      const auto n = static_cast<int>(thread) * 1'000 + i;
      self->request(doublers[static_cast<std::size_t>(i) % 8], default_deadline, n)
        .receive(
          [&](int twice) {
            if (twice != 2 * n)
              throw std::runtime_error{"wrong answer"};
          },
          [](const caf::error&) { throw std::runtime_error{"no answer"}; });
    }
  });

  for (const auto& each : doublers) // their time-outs would hold them, and the system with them
    caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
  CHECK(metrics_of(rt).handled == 800);
}

TEST_CASE("a request that a CAF actor delegates to a gateway is answered to its asker",
          "[gateway]") {
  host_system host;
  auto rt = open_on(host);
  auto actor = spawn_worker(rt);
  const auto middle = host->spawn(doubler, open_gateway(host, actor));
  caf::scoped_actor self{*host};
  auto response = self->request(middle, default_deadline, std::string{"keep"});
  std::optional<int> got;
  while (actor.call(answer_kept{5}).value() == 0) {
  }

  response.receive([&](int value) { got = value; }, [](const caf::error&) {});

  CHECK(got == 5);
}

TEST_CASE("a gateway may be a link of a chain of CAF actors", "[gateway]") {
  host_system host;
  auto rt = open_on(host);
  const auto gate = open_gateway(host, spawn_worker(rt));
  const auto plus_one = host->spawn(
    [](caf::event_based_actor*, int) -> caf::behavior { return {[](int n) { return n + 1; }}; }, 0);

  CHECK(ask<int>(*host, plus_one * gate, echo{4}).value == 5);
}

TEST_CASE("a gateway works for a runtime with threads of its own", "[gateway]") {
  host_system host;
  auto rt = open_runtime();
  const auto gate = open_gateway(host, spawn_worker(rt));

  CHECK(ask<int>(*host, gate, echo{6}).value == 6);
}

TEST_CASE("a gateway keeps its actor alive, as a handle does", "[gateway]") {
  host_system host;
  auto rt = open_on(host);
  auto gate = open_gateway(host, spawn_worker(rt));
  CHECK(ask<int>(*host, gate, echo{1}).value == 1);

  gate = nullptr;

  CHECK(eventually([&] { return rt.metrics().empty(); }));
}

TEST_CASE("gateways and unanswered requests may outlive the host's system", "[gateway][stop]") {
  static promise<int> owed; // of the one request below
  struct giver {
    using protocol = cortex::protocol<keep>;
    void operator()(const keep&, promise<int> given) { owed = std::move(given); }
  };
  host_system host;
  auto rt = open_on(host);
  auto given = spawn<giver>(rt, "giver", {});
  auto gate = gateway(*host, given).value();
  // Hidden: the system does not wait for it. It holds itself as long as its request is open.
  host->spawn<caf::hidden>(
    [](caf::event_based_actor* self, const caf::actor& to) {
      self->request(to, caf::infinite, keep{}).then([](int) {});
    },
    gate);
  REQUIRE(eventually([&] { return metrics_of(rt, "giver").handled == 1; }));

  host.end();
  owed.set(1); // meets nobody
  owed = {};
  gate = nullptr;

  CHECK(error_of(given.call(keep{})) == errc::closed);
}

} // namespace cortex::testing
