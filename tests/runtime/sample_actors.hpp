/// The actors that the runtime's tests host, and short ways to open, spawn and hold them.
#pragma once

#include "cortex/cortex.hpp"

#include "support/catch_compat.hpp"
#include "support/wait.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace cortex::testing {

using namespace std::chrono_literals;

// -- requests -------------------------------------------------------------------------------------

/// Answers its own value.
struct echo {
  using reply = int;
  int value = 0;
};

/// Adds to the object's sum, which is not synchronised.
struct add {
  using reply = void;
  int by = 1;
};

/// Asks for the object's sum.
struct total {
  using reply = int;
};

/// Throws.
struct crash {
  using reply = void;
  std::string why = "crash";
};

/// Keeps the handler busy: says that it has entered, then waits.
struct hold {
  using reply = void;
  signal* entered = nullptr;
  signal* release = nullptr;
};

/// Is answered when the object is told to, or never.
struct keep {
  using reply = int;
};

/// Answers everything kept; the reply counts it.
struct answer_kept {
  using reply = int;
  int with = 0;
};

/// The thread that runs the handler.
struct where {
  using reply = std::thread::id;
};

/// Fails with `not_found`.
struct find {
  using reply = int;
  bool there = false;
};

/// Answers all of them, one at a time, in each form that a handler may have.
class worker {
public:
  using protocol = cortex::protocol<echo, add, total, crash, hold, keep, answer_kept, where, find>;

  int operator()(const echo& request) { return request.value; }
  void operator()(const add& request) { sum_ += request.by; }
  int operator()(const total&) const { return sum_; }
  void operator()(const crash& request) { throw std::runtime_error{request.why}; }
  void operator()(const hold& request) {
    request.entered->set();
    if (!request.release->wait())
      throw std::runtime_error{"nobody released the handler"};
  }
  void operator()(const keep&, promise<int> owed) { kept_.push_back(std::move(owed)); }
  int operator()(const answer_kept& request) {
    const auto count = static_cast<int>(kept_.size());
    for (auto& owed : std::exchange(kept_, {}))
      owed.set(request.with);
    return count;
  }
  std::thread::id operator()(const where&) const { return std::this_thread::get_id(); }
  expected<int> operator()(const find& request) const {
    if (!request.there)
      return fail(errc::not_found, "nothing there");
    return 1;
  }

private:
  int sum_ = 0;
  std::vector<promise<int>> kept_;
};

using worker_handle = handle<worker::protocol>;

// -- short ways -----------------------------------------------------------------------------------

/// A runtime with four workers, so that some may be held while others work.
inline runtime open_runtime(runtime_options options = {}) {
  if (options.workers == 0)
    options.workers = 4;
  auto opened = runtime::open(std::move(options));
  REQUIRE(opened);
  return *std::move(opened);
}

inline runtime open_deterministic(const monotonic_clock* clock = nullptr) {
  runtime_options options;
  options.deterministic = true;
  options.monotonic = clock;
  return open_runtime(std::move(options));
}

template <class T, class... Args>
handle<typename T::protocol> spawn(runtime& rt, std::string name, actor_options options,
                                   Args... args) {
  auto spawned = rt.spawn<T>(
    std::move(name), [args...] { return std::make_unique<T>(args...); }, options);
  REQUIRE(spawned);
  return *std::move(spawned);
}

inline worker_handle spawn_worker(runtime& rt, actor_options options = {}) {
  return spawn<worker>(rt, "worker", options);
}

/// What the runtime counts for one actor.
inline actor_metrics metrics_of(const runtime& rt, std::string_view name = "worker") {
  for (auto& m : rt.metrics())
    if (m.name == name)
      return m;
  return {};
}

/// The kind of error in `result`, or nothing if it holds a value.
template <class T>
std::optional<errc> error_of(const expected<T>& result) {
  if (result)
    return std::nullopt;
  return result.error().code;
}

/// Keeps a worker's handler busy from its construction until `release`, at the latest until its
/// end.
class held_worker {
public:
  explicit held_worker(const worker_handle& actor)
    : answer_(actor.ask(hold{&entered_, &release_}, 60s)) {
    REQUIRE(entered_.wait());
  }
  held_worker(const held_worker&) = delete;
  held_worker& operator=(const held_worker&) = delete;
  ~held_worker() { release(); }

  void release() {
    release_.set();
    if (answer_.valid())
      static_cast<void>(answer_.get()); // it uses the signals until then
  }

private:
  signal entered_;
  signal release_;
  future<void> answer_;
};

} // namespace cortex::testing

/// Catch prints values of these types in its reports.
template <>
struct Catch::StringMaker<std::optional<cortex::errc>> {
  static std::string convert(const std::optional<cortex::errc>& code) {
    return code ? std::string{cortex::to_string(*code)} : "a value";
  }
};
