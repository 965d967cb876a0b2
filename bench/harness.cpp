#include "harness.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <thread>

namespace cortex::bench {
namespace {

using seconds = std::chrono::duration<double>;

/// How long all threads run before anything is counted, beside the time they need to wake.
constexpr auto ramp_time = std::chrono::milliseconds{10};

double processor_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto both = [](const timeval& a, const timeval& b) {
    return static_cast<double>(a.tv_sec + b.tv_sec)
           + static_cast<double>(a.tv_usec + b.tv_usec) * 1e-6;
  };
  return both(used.ru_utime, used.ru_stime);
}

/// Processor time that all processes have used, stolen time included; 0 if it cannot be read.
double all_processor_seconds() {
  std::ifstream in{"/proc/stat"};
  std::string name;
  double user = 0, nice = 0, system = 0, idle = 0, waiting = 0, interrupts = 0, soft = 0,
         stolen = 0;
  in >> name >> user >> nice >> system >> idle >> waiting >> interrupts >> soft >> stolen;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  return in ? (user + nice + system + interrupts + soft + stolen) / ticks : 0;
}

/// What the processors had done at one time.
struct processor_use {
  bench_clock::time_point time = bench_clock::now();
  double own = processor_seconds();
  double everybody = all_processor_seconds();
};

/// A change of phase. It happened between the two times: the same but for nanoseconds, unless this
/// thread lost its processor right there.
struct boundary {
  bench_clock::time_point before;
  bench_clock::time_point after;
  std::uint64_t progress = 0;

  static boundary cross(gate& shared, phase next, const subject& design) {
    boundary made;
    made.before = bench_clock::now();
    shared.enter(next);
    made.after = bench_clock::now();
    made.progress = design.progress().value_or(0);
    return made;
  }
  [[nodiscard]] bench_clock::duration blur() const noexcept { return after - before; }
  [[nodiscard]] bench_clock::time_point middle() const noexcept { return before + blur() / 2; }
};

/// The span that counts.
struct span {
  processor_use use_before;
  boundary begin;
  boundary end;
  processor_use use_after;
};

/// Lets this thread go before others, if the process may say so: among a thousand busy threads the
/// one that ends the window would wait for its turn.
void go_first() {
  (void)setpriority(PRIO_PROCESS, 0, -10); // this thread only, on Linux
}

span hold_open(gate& shared, const subject& design, seconds window) {
  go_first();
  shared.enter(phase::ramp);
  shared.wait_until_awake();
  std::this_thread::sleep_for(ramp_time);
  const processor_use use_before;
  const auto begin = boundary::cross(shared, phase::measured, design);
  std::this_thread::sleep_until(begin.after
                                + std::chrono::duration_cast<bench_clock::duration>(window));
  const auto end = boundary::cross(shared, phase::over, design);
  return {use_before, begin, end, {}};
}

/// Runs until every thread has done its quota, or until `allowed` is over.
span run_quota(gate& shared, const subject& design, std::atomic<unsigned>& busy, seconds allowed) {
  const processor_use use_before;
  const auto begin = boundary::cross(shared, phase::measured, design);
  const auto until = begin.before + std::chrono::duration_cast<bench_clock::duration>(allowed);
  // The end is taken from the threads' own clocks: looking each millisecond costs no precision.
  while (busy.load(std::memory_order_acquire) != 0 && bench_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  const auto end = boundary::cross(shared, phase::over, design);
  return {use_before, begin, end, {}};
}

/// The threads of a repetition, started and waiting for the release.
class crew {
public:
  crew(const cell& what, subject& design, gate& shared) : busy_(what.threads) {
    workers_.reserve(what.threads);
    threads_.reserve(what.threads);
    for (unsigned i = 0; i < what.threads; ++i)
      workers_.emplace_back(shared, i, what.quota, what.stride);
    for (auto& each : workers_)
      threads_.emplace_back([this, &design, &shared, &each] {
        shared.wait_for_release();
        design.run(each);
        each.finish();
        busy_.fetch_sub(1, std::memory_order_release);
      });
    shared.wait_until_arrived();
  }

  [[nodiscard]] std::atomic<unsigned>& busy() noexcept { return busy_; }
  void join() {
    for (auto& thread : threads_)
      thread.join();
  }
  [[nodiscard]] const std::vector<worker>& workers() const noexcept { return workers_; }
  [[nodiscard]] bench_clock::time_point last_finish() const {
    return std::max_element(workers_.begin(), workers_.end(),
                            [](auto& a, auto& b) { return a.finished() < b.finished(); })
      ->finished();
  }

private:
  std::atomic<unsigned> busy_;
  std::vector<worker> workers_;
  std::vector<std::thread> threads_;
};

void fill(sample& into, const std::vector<worker>& workers) {
  histogram all;
  std::uint64_t least = workers.front().measured();
  std::uint64_t total = 0;
  std::size_t counted = 0;
  for (const auto& each : workers) {
    into.errors += each.errors();
    if (each.beside()) {
      into.beside_rate += static_cast<double>(each.measured()); // divided once the time is known
      continue;
    }
    ++counted;
    all.merge(each.latencies());
    total += each.measured();
    least = std::min(least, each.measured());
  }
  into.operations = total;
  into.p50 = all.percentile(0.50);
  into.p99 = all.percentile(0.99);
  into.longest = all.longest();
  if (total != 0)
    into.slowest_share = static_cast<double>(least) * static_cast<double>(counted)
                         / static_cast<double>(total);
}

} // namespace

void gate::explain(std::string_view problem) {
  const std::lock_guard lock{mutex_};
  if (problem_.empty())
    problem_ = problem;
}

std::string gate::first_problem() const {
  const std::lock_guard lock{mutex_};
  return problem_;
}

void gate::enter(phase next) noexcept {
  const bool releases = now() == phase::held;
  phase_.store(static_cast<int>(next), std::memory_order_release);
  if (releases)
    phase_.notify_all();
}

void gate::pass(std::atomic<unsigned>& counter) const noexcept {
  if (counter.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_)
    counter.notify_all();
}

void gate::wait_for_all(std::atomic<unsigned>& counter) const noexcept {
  for (auto n = counter.load(); n < threads_; n = counter.load())
    counter.wait(n);
}

void gate::wait_for_release() noexcept {
  pass(arrived_);
  phase_.wait(static_cast<int>(phase::held), std::memory_order_acquire);
  pass(awake_);
}

void gate::wait_until_arrived() noexcept {
  wait_for_all(arrived_);
}

void gate::wait_until_awake() noexcept {
  wait_for_all(awake_);
}

void worker::settle(outcome result, phase after, bool timed,
                    bench_clock::time_point begin) noexcept {
  const bool counts = after != phase::ramp;
  const auto took = timed ? static_cast<std::uint64_t>((bench_clock::now() - begin).count()) : 0;
  switch (result) {
    case outcome::done:
      if (after == phase::measured)
        ++measured_;
      if (timed && counts)
        latencies_.record(took);
      return;
    case outcome::abandoned:
      if (after == phase::over) {
        latencies_.stretch(took);
        return;
      }
      [[fallthrough]];
    case outcome::failed: ++errors_; latencies_.stretch(took);
  }
}

sample measure(const cell& what, const contender& who, const setting& where, seconds window,
               gate& shared) {
  const auto design = who.make(where);
  crew threads{what, *design, shared};
  span counted;
  sample result;
  if (what.quota == 0) {
    // On a thread of its own, for those that it would start would inherit its priority.
    std::thread{[&] { counted = hold_open(shared, *design, window); }}.join();
    result.seconds = seconds{counted.end.middle() - counted.begin.middle()}.count();
    result.blur_ratio = seconds{counted.begin.blur() + counted.end.blur()}.count() / result.seconds;
  } else {
    counted = run_quota(shared, *design, threads.busy(), window);
    result.cut = threads.busy().load(std::memory_order_acquire) != 0;
  }
  threads.join();

  fill(result, threads.workers());
  if (what.quota != 0) {
    const auto end = result.cut ? counted.end.middle() : threads.last_finish();
    result.seconds = seconds{end - counted.begin.before}.count();
  }
  if (design->progress())
    result.operations = counted.end.progress - counted.begin.progress;
  result.rate = static_cast<double>(result.operations) / result.seconds;
  result.beside_rate /= result.seconds;
  const double passed = seconds{counted.use_after.time - counted.use_before.time}.count();
  const double everybody = counted.use_after.everybody - counted.use_before.everybody;
  result.cpu_cores = (counted.use_after.own - counted.use_before.own) / passed;
  result.foreign_cores = std::max(everybody / passed - result.cpu_cores, 0.0);
  result.figures = design->figures();
  result.lost = design->close_and_count_lost();
  result.problem = shared.first_problem();
  return result;
}

} // namespace cortex::bench
