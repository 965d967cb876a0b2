#include "sample_actors.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace cortex::testing {
namespace {

// -- what the compiler refuses --------------------------------------------------------------------

struct stranger {
  using reply = int;
};
struct no_request {
  int value = 0;
};

template <class Handle, class R>
concept can_call = requires(const Handle& h, R r) {
  h.call(std::move(r));
};
template <class Handle, class R>
concept can_call_parked = requires(const Handle& h, R r) {
  h.call_parked(std::move(r));
};
template <class Handle, class R>
concept can_ask = requires(const Handle& h, R r) {
  h.ask(std::move(r));
};
template <class Handle, class R>
concept can_tell = requires(const Handle& h, R r) {
  h.tell(std::move(r));
};

static_assert(
  can_call<
    worker_handle,
    echo> && can_call_parked<worker_handle, echo> && can_ask<worker_handle, echo> && can_tell<worker_handle, echo>);
static_assert(
  !can_call<
    worker_handle,
    stranger> && !can_call_parked<worker_handle, stranger> && !can_ask<worker_handle, stranger> && !can_tell<worker_handle, stranger>,
  "an actor is asked only what it answers");
static_assert(!can_call<worker_handle, no_request>, "a request names its reply");
static_assert(!can_call<worker_handle, int>);
static_assert(std::is_copy_constructible_v<worker_handle>);
static_assert(std::is_nothrow_move_constructible_v<worker_handle>);

using few = protocol<echo, add>;
static_assert(std::is_convertible_v<worker_handle, handle<few>>);
static_assert(!std::is_convertible_v<handle<few>, worker_handle>);
static_assert(!std::is_convertible_v<worker_handle, handle<protocol<add, echo>>>,
              "a shorter protocol is the beginning of the longer one");

// -- an actor with every form of handler ----------------------------------------------------------

struct by_value {
  using reply = int;
  int n = 0;
};
struct by_expected {
  using reply = int;
  int n = 0;
};
struct by_nothing {
  using reply = void;
};
struct by_future {
  using reply = int;
  int n = 0;
};
struct by_promise {
  using reply = int;
  int n = 0;
};
struct by_expected_void {
  using reply = void;
  bool good = true;
};
struct by_pointer {
  using reply = std::unique_ptr<std::string>;
  std::unique_ptr<std::string> text;
};

class shapes {
public:
  using protocol = cortex::protocol<by_value, by_expected, by_nothing, by_future, by_promise,
                                    by_expected_void, by_pointer>;
  explicit shapes(worker_handle helper) : helper_(std::move(helper)) {}

  int operator()(const by_value& r) { return r.n; }
  expected<int> operator()(const by_expected& r) {
    if (r.n < 0)
      return fail(errc::not_found, "negative");
    return r.n;
  }
  void operator()(const by_nothing&) {}
  future<int> operator()(const by_future& r) { return helper_.ask(echo{r.n}); }
  void operator()(const by_promise& r, promise<int> owed) { owed.set(r.n); }
  expected<void> operator()(const by_expected_void& r) {
    if (!r.good)
      return fail(errc::constraint);
    return {};
  }
  // A request that can only be moved is taken apart by its handler.
  std::unique_ptr<std::string> operator()(by_pointer& r) {
    r.text->append("!");
    return std::move(r.text);
  }

private:
  worker_handle helper_;
};

struct shapes_fixture {
  runtime rt = open_runtime();
  worker_handle helper = spawn_worker(rt);
  handle<shapes::protocol> actor = spawn<shapes>(rt, "shapes", {}, helper);
};

} // namespace

TEST_CASE_METHOD(shapes_fixture, "every form of handler answers a call", "[handle]") {
  CHECK(actor.call(by_value{1}).value() == 1);
  CHECK(actor.call(by_expected{2}).value() == 2);
  CHECK(error_of(actor.call(by_expected{-1})) == errc::not_found);
  CHECK(actor.call(by_nothing{}));
  CHECK(actor.call(by_future{3}).value() == 3);
  CHECK(actor.call(by_promise{4}).value() == 4);
  CHECK(actor.call(by_expected_void{true}));
  CHECK(error_of(actor.call(by_expected_void{false})) == errc::constraint);
  CHECK(*actor.call(by_pointer{std::make_unique<std::string>("moved")}).value() == "moved!");
}

TEST_CASE_METHOD(shapes_fixture, "every form of handler answers an ask", "[handle]") {
  CHECK(actor.ask(by_value{1}).get().value() == 1);
  CHECK(actor.ask(by_expected{2}).get().value() == 2);
  CHECK(actor.ask(by_nothing{}).get());
  CHECK(actor.ask(by_future{3}).get().value() == 3);
  CHECK(actor.ask(by_promise{4}).get().value() == 4);
  CHECK(error_of(actor.ask(by_expected_void{false}).get()) == errc::constraint);
  CHECK(*actor.ask(by_pointer{std::make_unique<std::string>("m")}).get().value() == "m!");
}

TEST_CASE_METHOD(shapes_fixture, "every form of handler answers a parked call", "[handle]") {
  CHECK(actor.call_parked(by_value{1}).value() == 1);
  CHECK(actor.call_parked(by_nothing{}));
  CHECK(actor.call_parked(by_future{3}).value() == 3);
  CHECK(actor.call_parked(by_promise{4}).value() == 4);
}

TEST_CASE("tells of one thread are handled in their order", "[handle]") {
  struct note {
    using reply = void;
    int n;
  };
  struct list {
    using reply = std::vector<int>;
  };
  struct recorder {
    using protocol = cortex::protocol<note, list>;
    void operator()(const note& r) { seen.push_back(r.n); }
    std::vector<int> operator()(const list&) { return seen; }
    std::vector<int> seen;
  };
  auto rt = open_runtime();
  auto actor = spawn<recorder>(rt, "recorder", {});
  std::vector<int> sent(10'000);
  std::iota(sent.begin(), sent.end(), 0);

  for (int n : sent)
    actor.tell(note{n});

  CHECK(actor.call(list{}).value() == sent);
}

TEST_CASE("handles are copied, compared with nothing and survive the runtime object", "[handle]") {
  auto rt = open_runtime();
  worker_handle none;
  auto actor = spawn_worker(rt);
  auto copy = actor;
  handle<few> narrow = actor;

  CHECK_FALSE(none.valid());
  CHECK(copy.valid());
  CHECK(copy.name() == "worker");
  CHECK(narrow.call(echo{5}).value() == 5);
  CHECK(narrow.call(add{2}));
  CHECK(actor.call(total{}).value() == 2);
}

TEST_CASE_METHOD(shapes_fixture, "64 threads with mixed forms get exactly one answer each",
                 "[handle][concurrency]") {
  constexpr int calls = 100;
  std::atomic<int> answered = 0;

  run_threads(64, [&](std::size_t thread) {
    for (int i = 0; i < calls; ++i) {
      const int n = static_cast<int>(thread) * calls + i;
      expected<int> answer = fail(errc::internal);
      switch ((thread + static_cast<std::size_t>(i)) % 7) {
        case 0: answer = actor.call(by_value{n}); break;
        case 1: answer = actor.ask(by_expected{n}).get(); break;
        case 2: answer = actor.call(by_future{n}); break;
        case 3: answer = actor.call_parked(by_promise{n}); break;
        case 4: answer = actor.ask(by_future{n}).get(); break;
        case 5:
          answer = actor.ask(by_promise{n}).then([](expected<int> m) { return m; }).get();
          break;
        default: actor.tell(by_nothing{}); answer = actor.call(by_expected{n});
      }
      if (!answer || *answer != n)
        throw std::runtime_error{answer ? "another's answer" : to_string(answer.error())};
      answered += 1;
    }
  });

  CHECK(answered == 64 * calls);
  CHECK(metrics_of(rt, "shapes").depth == 0);
}

TEST_CASE("a request has the alignment of its type, wherever it waits", "[handle]") {
  struct wide {
    using reply = bool;
    alignas(64) std::array<float, 16> lanes{};
  };
  struct checker {
    using protocol = cortex::protocol<wide>;
    bool operator()(const wide& request) {
      volatile auto at = reinterpret_cast<std::uintptr_t>(&request); // not what its type promises
      return at % 64 == 0;
    }
  };
  constexpr int count = 100;
  auto rt = open_deterministic();
  auto actor = spawn<checker>(rt, "checker", {});
  std::vector<future<bool>> answers;
  for (int i = 0; i < count; ++i)
    answers.push_back(actor.ask(wide{}));

  int aligned = 0;
  for (auto& answer : answers)
    aligned += answer.get().value() ? 1 : 0;

  CHECK(aligned == count);
}

} // namespace cortex::testing
