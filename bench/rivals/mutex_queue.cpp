#include "rivals/services.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace cortex::bench {
namespace {

/// Where one answer arrives. The answering thread may still be waking the asker when the asker goes
/// on, so slots live as long as the service.
struct reply_slot {
  std::atomic<int> done{0};
  std::int64_t value = 0; // published by `done`

  void complete(std::int64_t answer) noexcept {
    value = answer;
    done.store(1, std::memory_order_release);
    done.notify_one();
  }
  std::int64_t wait() noexcept {
    done.wait(0, std::memory_order_acquire);
    done.store(0, std::memory_order_relaxed);
    return value;
  }
};

struct queued_job {
  std::int64_t by = 0;
  reply_slot* slot = nullptr; // none for a job without an answer
};

class mutex_queue_service final : public counter_service {
public:
  explicit mutex_queue_service(unsigned threads) : slots_(threads), owner_([this] { serve(); }) {}
  ~mutex_queue_service() override {
    {
      const std::lock_guard lock{mutex_};
      stop_ = true;
    }
    filled_.notify_one();
    owner_.join();
  }

  std::unique_ptr<counter_client> connect(unsigned thread, std::size_t depth) override;

  void enqueue(queued_job job) {
    {
      const std::lock_guard lock{mutex_};
      jobs_.push_back(job);
    }
    filled_.notify_one();
  }

private:
  void serve() {
    std::deque<queued_job> batch;
    while (true) {
      {
        std::unique_lock lock{mutex_};
        filled_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
        if (jobs_.empty())
          return;
        batch.swap(jobs_);
      }
      for (const auto& job : batch) {
        const auto value = add(job.by);
        if (job.slot != nullptr)
          job.slot->complete(value);
      }
      batch.clear();
    }
  }

  std::vector<std::vector<reply_slot>> slots_; // each client's own
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<queued_job> jobs_; // guarded by mutex_
  bool stop_ = false;           // guarded by mutex_
  std::thread owner_;
};

class mutex_queue_client final : public counter_client {
public:
  mutex_queue_client(mutex_queue_service& service, std::vector<reply_slot>& slots)
    : service_(service), slots_(slots) {}

  outcome call(std::int64_t& value) override {
    service_.enqueue({1, &slots_.front()});
    value = slots_.front().wait();
    return outcome::done;
  }
  outcome tell() override {
    service_.enqueue({1, nullptr});
    return outcome::done;
  }
  outcome ask() override {
    service_.enqueue({1, &slots_[asked_++ % slots_.size()]});
    return outcome::done;
  }
  outcome take(std::int64_t& value) override {
    value = slots_[taken_++ % slots_.size()].wait();
    return outcome::done;
  }

private:
  mutex_queue_service& service_;
  std::vector<reply_slot>& slots_;
  std::size_t asked_ = 0;
  std::size_t taken_ = 0;
};

std::unique_ptr<counter_client> mutex_queue_service::connect(unsigned thread, std::size_t depth) {
  slots_[thread] = std::vector<reply_slot>(depth == 0 ? 1 : depth);
  return std::make_unique<mutex_queue_client>(*this, slots_[thread]);
}

class locked_service final : public counter_service {
public:
  std::unique_ptr<counter_client> connect(unsigned, std::size_t) override {
    struct client final : counter_client {
      explicit client(locked_service& of) : service(of) {}
      outcome call(std::int64_t& value) override {
        const std::lock_guard lock{service.mutex_};
        value = service.add(1);
        return outcome::done;
      }
      outcome tell() override {
        std::int64_t ignored = 0;
        return call(ignored);
      }
      outcome ask() override { return call(answer); }
      outcome take(std::int64_t& value) override {
        value = answer;
        return outcome::done;
      }
      locked_service& service;
      std::int64_t answer = 0;
    };
    return std::make_unique<client>(*this);
  }

private:
  std::mutex mutex_;
};

} // namespace

std::unique_ptr<counter_service> start_mutex_queue_service(const setting& where) {
  return std::make_unique<mutex_queue_service>(where.threads);
}

std::unique_ptr<counter_service> start_locked_service(const setting&) {
  return std::make_unique<locked_service>();
}

} // namespace cortex::bench
