// What is measured: updates of one bar per second by 1 and 8 threads, while it is drawn ten times a
// second; the original's tests: 500 threads that ask for the indicator of the process, 30 threads
// that tell 10 messages each, and ten times as many. Lost is what the display does not count at its
// end, or an indicator that is another one. Left out: opening, the last redraw.
// Rerun: cortex_bench --only progress_

#include "progress.hpp"

#include <atomic>
#include <utility>

namespace cortex::bench {
namespace {

class position_subject final : public subject {
public:
  explicit position_subject(const display_maker& maker) : display_(maker()) {}

  void run(worker& self) override {
    std::uint64_t done = 0;
    self.loop([&](std::uint64_t) {
      display_->advance();
      ++done;
      return outcome::done;
    });
    done_.fetch_add(done);
  }

  std::uint64_t close_and_count_lost() override {
    const auto shown = display_->shown();
    return done_ > shown ? done_ - shown : shown - done_;
  }

private:
  std::unique_ptr<progress_display> display_;
  std::atomic<std::uint64_t> done_{0};
};

class message_subject final : public subject {
public:
  explicit message_subject(const display_maker& maker) : display_(maker()) {}

  void run(worker& self) override {
    std::uint64_t done = 0;
    const auto name = "thread " + std::to_string(self.index()) + ", step ";
    self.loop([&](std::uint64_t n) {
      display_->update(name + std::to_string(n));
      ++done;
      return outcome::done;
    });
    done_.fetch_add(done);
  }

  std::uint64_t close_and_count_lost() override {
    const auto shown = display_->shown();
    return done_ > shown ? done_ - shown : shown - done_;
  }

private:
  std::unique_ptr<progress_display> display_;
  std::atomic<std::uint64_t> done_{0};
};

class singleton_subject final : public subject {
public:
  explicit singleton_subject(const shared_indicator& design) : design_(design) { design_.begin(); }

  void run(worker& self) override {
    self.loop([&](std::uint64_t) {
      const auto mine = design_.get();
      std::uintptr_t none = 0;
      if (mine == 0 || (!first_.compare_exchange_strong(none, mine) && none != mine))
        others_.fetch_add(1);
      return mine == 0 ? outcome::failed : outcome::done;
    });
  }

  std::uint64_t close_and_count_lost() override {
    design_.end();
    return others_;
  }

private:
  const shared_indicator& design_;
  std::atomic<std::uintptr_t> first_{0};
  std::atomic<std::uint64_t> others_{0};
};

} // namespace

subject_maker progress_positions(display_maker maker) {
  return [maker = std::move(maker)](const setting&) {
    return std::make_unique<position_subject>(maker);
  };
}

subject_maker progress_messages(display_maker maker) {
  return
    [maker = std::move(maker)](const setting&) { return std::make_unique<message_subject>(maker); };
}

subject_maker shared_indicators(shared_indicator design) {
  return [design = std::move(design)](const setting&) {
    return std::make_unique<singleton_subject>(design);
  };
}

} // namespace cortex::bench
