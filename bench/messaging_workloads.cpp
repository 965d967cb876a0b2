// What is measured: additions per second to one counter that is reached by messages, and how long a
// caller waits for the answer. Left out: starting actors and threads. Latencies: each 16th call;
// for asks, from one answer to the next; for messages without an answer, none.
// Rerun: cortex_bench --only call/ , --only tell/ , --only ask_pipelined/

#include "messaging.hpp"

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

namespace cortex::bench {
namespace {

struct alignas(64) padded_count {
  std::int64_t value = 0;
};

std::int64_t sum(const std::vector<padded_count>& counts) {
  std::int64_t total = 0;
  for (const auto& each : counts)
    total += each.value;
  return total;
}

class call_subject final : public subject {
public:
  call_subject(const service_maker& maker, const setting& where)
    : service_(maker(where)), acknowledged_(where.threads) {}

  void run(worker& self) override {
    const auto client = service_->connect(self.index(), 0);
    auto& acknowledged = acknowledged_[self.index()].value;
    std::int64_t last = 0;
    self.loop([&](std::uint64_t) {
      std::int64_t value = 0;
      const auto result = client->call(value);
      if (result != outcome::done)
        return result;
      ++acknowledged;
      return std::exchange(last, value) < value ? outcome::done : outcome::failed;
    });
  }

  std::uint64_t close_and_count_lost() override {
    const auto told = sum(acknowledged_);
    const auto handled = service_->handled();
    service_.reset();
    return told > handled ? static_cast<std::uint64_t>(told - handled) : 0;
  }

private:
  std::unique_ptr<counter_service> service_;
  std::vector<padded_count> acknowledged_;
};

class ask_subject final : public subject {
public:
  ask_subject(const service_maker& maker, const setting& where, std::size_t depth)
    : service_(maker(where)), acknowledged_(where.threads), depth_(depth) {}

  void run(worker& self) override {
    const auto client = service_->connect(self.index(), depth_);
    std::size_t in_flight = 0;
    std::int64_t last = 0;
    self.loop([&](std::uint64_t) {
      const auto taken = in_flight < depth_ ? outcome::done : take(self, *client, in_flight, last);
      const auto asked = client->ask();
      if (asked == outcome::done)
        ++in_flight;
      return taken == outcome::done ? asked : taken;
    });
    while (in_flight != 0)
      if (take(self, *client, in_flight, last) != outcome::done)
        self.note_failure();
  }

  /// An ask is complete when it is answered, which its asker sees only later.
  [[nodiscard]] std::optional<std::uint64_t> progress() const override {
    return static_cast<std::uint64_t>(service_->handled());
  }

  std::uint64_t close_and_count_lost() override {
    const auto told = sum(acknowledged_);
    const auto handled = service_->handled();
    service_.reset();
    return told > handled ? static_cast<std::uint64_t>(told - handled) : 0;
  }

private:
  outcome take(worker& self, counter_client& client, std::size_t& in_flight, std::int64_t& last) {
    std::int64_t value = 0;
    --in_flight;
    const auto result = client.take(value);
    if (result != outcome::done)
      return result;
    ++acknowledged_[self.index()].value;
    return std::exchange(last, value) < value ? outcome::done : outcome::failed;
  }

  std::unique_ptr<counter_service> service_;
  std::vector<padded_count> acknowledged_;
  std::size_t depth_;
};

class fan_in_subject final : public subject {
public:
  fan_in_subject(const service_maker& maker, const setting& where) : service_(maker(where)) {}

  void run(worker& self) override {
    const auto client = service_->connect(self.index(), 0);
    while (self.running()) {
      std::int64_t sent = 0;
      for (int i = 0; i < batch; ++i) {
        if (client->tell() == outcome::done)
          ++sent;
        else
          self.note_failure();
      }
      const auto total = sent_.fetch_add(sent, std::memory_order_relaxed) + sent;
      while (total - service_->handled() > most_waiting && self.running())
        std::this_thread::yield();
    }
  }

  [[nodiscard]] std::optional<std::uint64_t> progress() const override {
    return static_cast<std::uint64_t>(service_->handled());
  }

  std::uint64_t close_and_count_lost() override {
    const auto sent = sent_.load();
    const auto patience = bench_clock::now() + std::chrono::seconds{10};
    while (service_->handled() < sent && bench_clock::now() < patience)
      std::this_thread::yield();
    const auto handled = service_->handled();
    service_.reset();
    return static_cast<std::uint64_t>(std::max(sent - handled, std::int64_t{0}));
  }

private:
  static constexpr int batch = 64;
  static constexpr std::int64_t most_waiting = 32'768; // of all threads together

  std::unique_ptr<counter_service> service_;
  alignas(64) std::atomic<std::int64_t> sent_{0};
};

} // namespace

subject_maker blocking_calls(service_maker maker) {
  return [maker = std::move(maker)](const setting& where) {
    return std::make_unique<call_subject>(maker, where);
  };
}

subject_maker fan_in(service_maker maker) {
  return [maker = std::move(maker)](const setting& where) {
    return std::make_unique<fan_in_subject>(maker, where);
  };
}

subject_maker pipelined_asks(service_maker maker, std::size_t depth) {
  return [maker = std::move(maker), depth](const setting& where) {
    return std::make_unique<ask_subject>(maker, where, depth);
  };
}

} // namespace cortex::bench
