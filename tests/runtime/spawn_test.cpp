#include "sample_actors.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace cortex::testing {
namespace {

struct names {
  using reply = std::vector<std::string>;
};
struct note {
  using reply = void;
  std::string text;
};

/// Talks to itself from its start on.
class diarist {
public:
  using protocol = cortex::protocol<names, note>;
  void on_start(const weak_handle<protocol>& self) {
    self_ = self;
    self_.lock().tell(note{"from the start"});
  }
  std::vector<std::string> operator()(const names&) { return notes_; }
  void operator()(const note& r) {
    notes_.push_back(r.text);
    if (r.text == "again")
      self_.lock().tell(note{"from itself"});
  }

private:
  weak_handle<protocol> self_;
  std::vector<std::string> notes_;
};

struct write_on {
  using reply = void;
};

/// What the test and the actor tell each other.
struct full_diary {
  signal entered;
  signal release;
  countdown noted{3};
};

/// Writes to itself when its mailbox is full already.
class full_diarist {
public:
  using protocol = cortex::protocol<write_on, names, note>;
  explicit full_diarist(full_diary* shared) : shared_(shared) {}
  void on_start(const weak_handle<protocol>& self) { self_ = self; }
  void operator()(const write_on&) {
    shared_->entered.set();
    static_cast<void>(shared_->release.wait());
    for (int i = 0; i < 3; ++i)
      self_.lock().tell(note{"from itself"});
  }
  std::vector<std::string> operator()(const names&) { return {}; }
  void operator()(const note&) { shared_->noted.arrive(); }

private:
  weak_handle<protocol> self_;
  full_diary* shared_;
};

/// Counts how it ends.
class mortal : public worker {
public:
  mortal(std::atomic<int>* stopped, std::atomic<int>* gone) : stopped_(stopped), gone_(gone) {}
  ~mortal() { *gone_ += 1; }
  void on_stop() { *stopped_ += 1; }

private:
  std::atomic<int>* stopped_;
  std::atomic<int>* gone_;
};

} // namespace

TEST_CASE("an actor ends in order with its last handle", "[spawn]") {
  auto rt = open_runtime();
  std::atomic<int> stopped = 0;
  std::atomic<int> gone = 0;
  {
    auto actor = spawn<mortal>(rt, "worker", {}, &stopped, &gone);
    auto copy = actor;
    actor = {};
    CHECK(copy.call(echo{1}).value() == 1);
    CHECK(gone == 0);
  }

  CHECK(eventually([&] { return gone == 1; }));
  CHECK(stopped == 1);
  CHECK(eventually([&] { return rt.metrics().empty(); }));
}

TEST_CASE("what was sent before the last handle went is handled", "[spawn]") {
  auto rt = open_runtime();
  std::atomic<int> stopped = 0;
  std::atomic<int> gone = 0;
  std::vector<future<int>> answers;
  {
    auto actor = spawn<mortal>(rt, "worker", {}, &stopped, &gone);
    for (int i = 0; i < 100; ++i)
      answers.push_back(actor.ask(echo{i}));
  }

  for (int i = 0; i < 100; ++i)
    CHECK(answers[static_cast<std::size_t>(i)].get().value() == i);
}

TEST_CASE("an answer that an ended object owed is unavailable", "[spawn][errors]") {
  auto rt = open_runtime();
  auto kept = spawn_worker(rt).ask(keep{}); // the handle is gone at once

  CHECK(error_of(kept.get()) == errc::unavailable);
}

TEST_CASE("an actor sends itself requests, from its start on", "[spawn]") {
  auto rt = open_deterministic();
  auto actor = spawn<diarist>(rt, "diarist", {});

  actor.tell(note{"again"});
  rt.run_until_idle();

  CHECK(actor.call(names{}).value()
        == std::vector<std::string>{"from the start", "again", "from itself"});
}

TEST_CASE("a message of an actor to itself is taken in by a full mailbox", "[spawn][admission]") {
  full_diary shared;
  auto rt = open_runtime();
  actor_options full;
  full.mailbox_bound = 1;
  const auto actor = spawn<full_diarist>(rt, "diarist", full, &shared);
  actor.tell(write_on{});
  REQUIRE(shared.entered.wait());
  const auto waiting = actor.ask(names{}); // the only one that may wait
  CHECK(error_of(actor.ask(names{}).get()) == errc::overloaded);

  shared.release.set();

  CHECK(shared.noted.wait());
}

TEST_CASE("a reference that an actor has of itself does not keep it alive", "[spawn]") {
  struct self_holder {
    using protocol = cortex::protocol<echo>;
    explicit self_holder(weak_handle<protocol>* out) : out_(out) {}
    void on_start(const weak_handle<protocol>& self) { *out_ = self; }
    int operator()(const echo& r) { return r.value; }
    weak_handle<protocol>* out_;
  };
  auto rt = open_runtime();
  weak_handle<self_holder::protocol> weak;
  auto actor = spawn<self_holder>(rt, "holder", {}, &weak);

  CHECK(weak.lock().call(echo{1}).value() == 1);
  actor = {};

  CHECK_FALSE(weak.lock().valid());
  CHECK_FALSE(weak_handle<self_holder::protocol>{}.lock().valid());
}

TEST_CASE("requests of another thread may race with the start of the actor",
          "[spawn][concurrency]") {
  struct early {
    using protocol = cortex::protocol<echo, total>;
    early(std::jthread* out, std::atomic<int>* good) : out_(out), good_(good) {}
    void on_start(const weak_handle<protocol>& self) {
      *out_ = std::jthread{[self = self.lock(), good = good_] {
        for (int i = 0; i < 50; ++i)
          *good += self.ask(echo{i}).get().has_value();
      }};
    }
    int operator()(const echo& r) { return ++count_, r.value; }
    int operator()(const total&) { return count_; }
    std::jthread* out_;
    std::atomic<int>* good_;
    int count_ = 0;
  };
  auto rt = open_runtime();

  for (int round = 0; round < 50; ++round) {
    std::jthread sender;
    std::atomic<int> good = 0;
    auto actor = spawn<early>(rt, "early_" + std::to_string(round), {}, &sender, &good);
    sender.join();
    if (good != 50 || actor.call(total{}).value() != 50)
      FAIL("a request was lost in round " << round);
  }
}

TEST_CASE("a factory may give the object itself", "[spawn]") {
  struct immovable : worker {
    explicit immovable(int start) : first(start) {}
    immovable(immovable&&) = delete;
    int first;
  };
  auto rt = open_runtime();

  auto actor = rt.spawn<immovable>("immovable", [] { return immovable{3}; });

  REQUIRE(actor);
  REQUIRE(error_of(actor->call(crash{})) == errc::internal);
  CHECK(actor->call(echo{1}).value() == 1); // made again
}

TEST_CASE("an actor may spawn others from its factory", "[spawn]") {
  auto rt = open_runtime();
  worker_handle inner;

  auto outer = rt.spawn<worker>("outer", [&inner, own = rt.unowned()]() mutable {
    inner = own.spawn<worker>("inner", [] { return std::make_unique<worker>(); }).value();
    return std::make_unique<worker>();
  });

  REQUIRE(outer);
  CHECK(inner.call(echo{1}).value() == 1);
  CHECK(rt.metrics().size() == 2);
}

TEST_CASE("many threads spawn and drop actors at once", "[spawn][concurrency]") {
  auto rt = open_runtime();
  std::atomic<int> answered = 0;

  run_threads(8, [&](std::size_t thread) {
    for (int i = 0; i < 40; ++i) {
      auto name = "actor_" + std::to_string(thread) + "_" + std::to_string(i);
      auto actor = rt.spawn<worker>(std::move(name), [] { return std::make_unique<worker>(); });
      if (actor && actor->call(echo{i}).value() == i)
        answered += 1;
    }
  });

  CHECK(answered == 320);
  CHECK(eventually([&] { return rt.metrics().empty(); }));
}

} // namespace cortex::testing
