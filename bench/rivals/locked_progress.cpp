#include "rivals/locked_progress.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <stop_token>
#include <thread>

namespace cortex::bench {
namespace {

constexpr std::chrono::milliseconds frame{100};

/// Owns a stream into /dev/null.
class printer {
public:
  printer() : to_(std::fopen("/dev/null", "we")) {}
  printer(const printer&) = delete;
  printer& operator=(const printer&) = delete;
  ~printer() {
    if (to_ != nullptr)
      static_cast<void>(std::fclose(to_));
  }
  void print(std::uint64_t count, const std::string& message) {
    std::fprintf(to_, "\rall: %llu %s", static_cast<unsigned long long>(count), message.c_str());
    static_cast<void>(std::fflush(to_));
  }

private:
  std::FILE* to_;
};

class locked_bar final : public progress_display {
public:
  void advance() override {
    const std::lock_guard guard{mutex_};
    ++count_;
    print_if_due();
  }
  void update(const std::string& message) override {
    const std::lock_guard guard{mutex_};
    ++count_;
    message_ = message;
    print_if_due();
  }
  std::uint64_t shown() override {
    const std::lock_guard guard{mutex_};
    out_.print(count_, message_);
    return count_;
  }

private:
  void print_if_due() {
    const auto now = bench_clock::now();
    if (now - last_ < frame)
      return;
    last_ = now;
    out_.print(count_, message_);
  }

  std::mutex mutex_;
  printer out_; // guarded by mutex_, as all below
  std::uint64_t count_ = 0;
  std::string message_;
  bench_clock::time_point last_{};
};

class animated_display final : public progress_display {
public:
  animated_display() : animator_([this](const std::stop_token& stop) { animate(stop); }) {}

  void advance() override { update({}); }
  void update(const std::string& message) override {
    const std::lock_guard guard{mutex_};
    ++count_;
    message_ = message;
  }
  std::uint64_t shown() override {
    animator_.request_stop();
    const std::lock_guard guard{mutex_};
    return count_;
  }

private:
  void animate(const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    while (!wake_.wait_for(lock, stop, frame, [&] { return stop.stop_requested(); }))
      out_.print(count_, message_);
  }

  std::mutex mutex_;
  std::condition_variable_any wake_;
  printer out_; // guarded by mutex_, as all below
  std::uint64_t count_ = 0;
  std::string message_;
  std::jthread animator_;
};

class bare_counter final : public progress_display {
public:
  void advance() override { count_.fetch_add(1, std::memory_order_relaxed); }
  void update(const std::string& /*message*/) override { advance(); }
  std::uint64_t shown() override { return count_; }

private:
  alignas(64) std::atomic<std::uint64_t> count_{0};
};

std::mutex singleton_mutex;
std::unique_ptr<printer> singleton; // guarded by singleton_mutex

} // namespace

std::unique_ptr<progress_display> open_locked_bar() {
  return std::make_unique<locked_bar>();
}
std::unique_ptr<progress_display> open_animated_display() {
  return std::make_unique<animated_display>();
}
std::unique_ptr<progress_display> open_bare_counter() {
  return std::make_unique<bare_counter>();
}

shared_indicator locked_shared_indicator() {
  const auto drop = [] {
    const std::lock_guard guard{singleton_mutex};
    singleton.reset();
  };
  return {drop,
          [] {
            const std::lock_guard guard{singleton_mutex};
            if (singleton == nullptr)
              singleton = std::make_unique<printer>();
            return reinterpret_cast<std::uintptr_t>(singleton.get());
          },
          drop};
}

} // namespace cortex::bench
