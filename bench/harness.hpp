/// Runs one design under N threads: threads are started and released before the clock counts, each
/// call is timed, and what was acknowledged is counted again afterwards by independent means.
#pragma once

#include "histogram.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::bench {

using bench_clock = std::chrono::steady_clock;

/// How one operation ended. `abandoned` is for a call that was given up because the measurement is
/// over; before that it counts as failed.
enum class outcome : std::uint8_t { done, failed, abandoned };

/// Where a repetition stands.
enum class phase : int {
  held, ///< Threads wait for the release.
  ramp, ///< Threads run, nothing is counted: until all of them are awake.
  measured,
  over, ///< Begin nothing new.
};

/// What the threads of one repetition share. *Thread-safe*.
class gate {
public:
  explicit gate(unsigned threads) noexcept : threads_(threads) {}

  [[nodiscard]] phase now() const noexcept {
    return static_cast<phase>(phase_.load(std::memory_order_acquire));
  }
  [[nodiscard]] bool over() const noexcept { return now() == phase::over; }

  /// Keeps the text of the first problem of this repetition.
  void explain(std::string_view problem);
  [[nodiscard]] std::string first_problem() const;

  // For the harness.
  void enter(phase next) noexcept;
  void wait_for_release() noexcept;
  void wait_until_arrived() noexcept;
  void wait_until_awake() noexcept;

private:
  void pass(std::atomic<unsigned>& counter) const noexcept;
  void wait_for_all(std::atomic<unsigned>& counter) const noexcept;

  unsigned threads_;
  std::atomic<int> phase_{static_cast<int>(phase::held)};
  std::atomic<unsigned> arrived_{0};
  std::atomic<unsigned> awake_{0};
  mutable std::mutex mutex_;
  std::string problem_; // guarded by mutex_
};

/// One thread of a repetition and what it counted. *Not thread-safe*: used by its own thread.
class worker {
public:
  /// @param quota operations this thread shall do, 0 for as many as fit
  /// @param stride each how many-th call is timed, 0 for none
  worker(gate& shared, unsigned index, std::uint64_t quota, unsigned stride)
    : gate_(&shared), index_(index), quota_(quota), stride_(stride) {}

  [[nodiscard]] unsigned index() const noexcept { return index_; }
  [[nodiscard]] bool running() const noexcept { return !gate_->over(); }

  /// Calls `operation(n)` with n = 0, 1, 2, … until the quota is done or the time is up.
  template <class Operation>
  void loop(Operation&& operation);

  /// This thread is company for the others: what it does is told beside the rate, not in it.
  void go_beside() noexcept { beside_ = true; }

  /// Counts operations of a loop of one's own.
  void count(std::uint64_t operations) noexcept {
    if (gate_->now() == phase::measured)
      measured_ += operations;
  }
  void note_failure() noexcept { ++errors_; }
  void note_latency(bench_clock::duration took) noexcept {
    if (gate_->now() != phase::ramp)
      latencies_.record(static_cast<std::uint64_t>(took.count()));
  }
  void explain(std::string_view problem) { gate_->explain(problem); }

  // For the harness.
  [[nodiscard]] bool beside() const noexcept { return beside_; }
  [[nodiscard]] const histogram& latencies() const noexcept { return latencies_; }
  [[nodiscard]] std::uint64_t measured() const noexcept { return measured_; }
  [[nodiscard]] std::uint64_t errors() const noexcept { return errors_; }
  [[nodiscard]] bench_clock::time_point finished() const noexcept { return finished_; }
  void finish() noexcept { finished_ = bench_clock::now(); }

private:
  void settle(outcome result, phase after, bool timed, bench_clock::time_point begin) noexcept;

  gate* gate_;
  unsigned index_;
  std::uint64_t quota_;
  unsigned stride_;
  std::uint64_t measured_ = 0;
  std::uint64_t errors_ = 0;
  bool beside_ = false;
  bench_clock::time_point finished_;
  histogram latencies_;
};

/// Something measured beside rate and latencies: `log after 1/4`, in MiB.
struct figure {
  std::string name;
  double value = 0;
};

/// A design at work: what one repetition measures. `run` is called by all threads at once.
class subject {
public:
  subject() = default;
  subject(const subject&) = delete;
  subject& operator=(const subject&) = delete;
  virtual ~subject() = default;

  virtual void run(worker& self) = 0;

  /// Operations completed so far, for designs whose threads do not see them complete.
  [[nodiscard]] virtual std::optional<std::uint64_t> progress() const { return std::nullopt; }

  /// What else it measured, the same names in each repetition. Called after all threads have
  /// returned.
  [[nodiscard]] virtual std::vector<figure> figures() const { return {}; }

  /// Ends the design and counts, by means of its own, the acknowledged operations that left no
  /// trace. Called once, after all threads have returned.
  virtual std::uint64_t close_and_count_lost() = 0;
};

/// What a repetition gives a design to start with.
struct setting {
  std::filesystem::path directory; ///< Empty, its own, removed afterwards.
  unsigned threads = 1;
  unsigned repetition = 0;
  gate* shared = nullptr; ///< Outlives the subject.
};

enum class role : std::uint8_t {
  ours,
  rival, ///< What a user would take instead: the best of them is P.
  limit, ///< What the machine allows: shown, never called a rival.
};

/// One design in a cell; its row is named `cell/contender`.
struct contender {
  std::string name;
  role kind = role::rival;
  std::function<std::unique_ptr<subject>(const setting&)> make;
};

/// Designs that do the same work with the same number of threads.
struct cell {
  std::string name;
  unsigned threads = 1;
  std::uint64_t quota = 0; ///< Operations of each thread; 0: as many as fit into the window.
  unsigned stride = 1;     ///< Each how many-th call is timed; 0: none.
  std::vector<contender> contenders;
  double window_factor = 1; ///< Its window is so many times as long as that of the others.
};

/// What one repetition of one row gave. Durations are in nanoseconds.
struct sample {
  double seconds = 0;
  std::uint64_t operations = 0;
  double rate = 0; ///< Operations completed in the window, per second.
  std::uint64_t p50 = 0;
  std::uint64_t p99 = 0;
  std::uint64_t longest = 0; ///< Includes calls that were still waiting at the end.
  std::uint64_t errors = 0;
  std::uint64_t lost = 0;
  double cpu_cores = 0;     ///< Processor time over wall time.
  double foreign_cores = 0; ///< The same of all other processes: noise.
  double slowest_share = 0; ///< Operations of the slowest thread over the mean of all threads.
  double beside_rate = 0;   ///< Operations per second of threads that kept the others company.
  std::vector<figure> figures;
  double blur_ratio = 0; ///< How much of the window is uncertain, at its ends.
  bool cut = false;      ///< The quota was not reached in the time allowed.
  std::string problem;   ///< The first failure's text.
};

/// Measures one row once.
/// @param window length of the measured part; for a cell with a quota, the longest allowed
/// @param shared fresh, for `what.threads` threads
sample measure(const cell& what, const contender& who, const setting& where,
               std::chrono::duration<double> window, gate& shared);

// -- implementation -------------------------------------------------------------------------------

template <class Operation>
void worker::loop(Operation&& operation) {
  auto stage = gate_->now();
  for (std::uint64_t n = 0; stage != phase::over && (quota_ == 0 || n < quota_); ++n) {
    const bool timed = stride_ != 0 && n % stride_ == 0;
    const auto begin = timed ? bench_clock::now() : bench_clock::time_point{};
    const outcome result = operation(n);
    stage = gate_->now();
    settle(result, stage, timed, begin);
  }
}

} // namespace cortex::bench
