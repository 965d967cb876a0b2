#include "sample_actors.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>

namespace cortex::testing {
namespace {

/// Runs `body` in a forked child and returns what it returns, or -1 if the child did not end by
/// itself in time. Inside, nothing of Catch is allowed.
template <class Body>
int in_child(Body body) {
  const auto child = fork();
  if (child == 0)
    _exit(body());
  REQUIRE(child > 0);
  int status = 0;
  if (!eventually([&] { return waitpid(child, &status, WNOHANG) == child; })) {
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

struct fork_fixture {
  std::optional<runtime> rt = open_runtime();
  worker_handle actor = spawn_worker(*rt);
};

} // namespace

TEST_CASE_METHOD(fork_fixture, "in a forked child every request is refused", "[fork][errors]") {
  REQUIRE(actor.call(echo{1}));
  REQUIRE(actor.ask(echo{1}).get());

  const int failed_at = in_child([&] {
    int step = 1;
    for (const auto& answer : {actor.call(echo{1}), actor.call_parked(echo{1}),
                               actor.ask(echo{1}).get(), actor.call(echo{1}, 1s)}) {
      if (error_of(answer) != errc::forked)
        return step;
      ++step;
    }
    actor.tell(add{1});
    return 0;
  });

  CHECK(failed_at == 0);
  CHECK(actor.call(total{}).value() == 0);
}

TEST_CASE_METHOD(fork_fixture, "in a forked child the runtime is refused", "[fork][errors]") {
  const int failed_at = in_child([&] {
    if (error_of(rt->stop()) != errc::forked)
      return 1;
    if (error_of(rt->stop(1s)) != errc::forked)
      return 2;
    auto make = [] { return std::make_unique<worker>(); };
    if (error_of(rt->spawn<worker>("other", make)) != errc::forked)
      return 3;
    struct idle final : service {
      [[nodiscard]] std::string name() const override { return "idle"; }
      bool stop(monotonic_time) noexcept override { return true; }
    };
    if (error_of(rt->attach(std::make_shared<idle>())) != errc::forked)
      return 4;
    return 0;
  });

  CHECK(failed_at == 0);
  CHECK(actor.call(echo{1}).value() == 1); // the parent goes on
  CHECK(rt->stop());
}

TEST_CASE_METHOD(fork_fixture, "in a forked child destructors return", "[fork]") {
  REQUIRE(actor.call(echo{1}));
  auto pending = actor.ask(keep{});
  auto copy = actor;

  const int left = in_child([&] {
    copy = {};
    actor = {};
    pending = {};
    rt.reset();
    return 0;
  });

  CHECK(left == 0);
  CHECK(actor.call(answer_kept{1}).value() == 1);
  CHECK(pending.get().value() == 1);
}

TEST_CASE_METHOD(fork_fixture, "in a forked child a runtime whose actors have ended is destroyed",
                 "[fork]") {
  REQUIRE(actor.call(echo{1}));
  actor = {};
  REQUIRE(eventually([&] { return rt->metrics().empty(); }));

  CHECK(in_child([&] {
          rt.reset();
          return 0;
        })
        == 0);
}

TEST_CASE_METHOD(fork_fixture, "in a forked child a stopped runtime is destroyed", "[fork]") {
  REQUIRE(rt->stop());

  CHECK(in_child([&] {
          actor = {};
          rt.reset();
          return 0;
        })
        == 0);
}

TEST_CASE("a deterministic runtime is refused in a forked child", "[fork]") {
  std::optional<runtime> rt = open_deterministic();
  auto actor = spawn_worker(*rt);

  const int failed_at = in_child([&] {
    if (error_of(actor.call(echo{1})) != errc::forked)
      return 1;
    actor = {};
    rt.reset();
    return 0;
  });

  CHECK(failed_at == 0);
  CHECK(actor.call(echo{1}).value() == 1);
}

} // namespace cortex::testing
