// What is measured: bytes on the heap of 10,000 idle actors, each of which has handled one message,
// and of 100,000 requests in flight from one thread, divided by their number. Stacks and what the
// system itself takes are left out.
// Rerun: cortex_bench --only bytes_

#include "footprint.hpp"

#include "cortex/runtime.hpp"

#include "crowd.hpp"

#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>

namespace cortex::bench {
namespace {

constexpr std::size_t idle_actors = 10'000;
constexpr std::size_t requests = 100'000;

double bytes_in_use() {
  const auto state = mallinfo2(); // of all arenas
  return static_cast<double>(state.uordblks + state.hblkhd);
}

double bytes_per_idle_actor(const crowd_maker& make) {
  const auto crowd = make(nullptr);
  crowd->start_brood(); // threads and whatever comes with the first actors
  while (crowd->ended() < brood_size)
    std::this_thread::yield();
  const auto before = bytes_in_use();
  crowd->keep_idle(idle_actors);
  while (crowd->handled() < brood_size + idle_actors)
    std::this_thread::yield();
  return (bytes_in_use() - before) / static_cast<double>(idle_actors);
}

struct question {
  using reply = std::int64_t;
};
struct hold {
  using reply = void;
};
using keeper_protocol = cortex::protocol<question, hold>;
using keeper_handle = cortex::handle<keeper_protocol>;

/// Lets requests wait for as long as it is held.
class keeper {
public:
  using protocol = keeper_protocol;

  explicit keeper(std::atomic<bool>& free) : free_(free) {}
  std::int64_t operator()(question&) { return 1; }
  void operator()(hold&) { free_.wait(false); }

private:
  std::atomic<bool>& free_;
};

task<std::int64_t> ask_and_wait(keeper_handle whom) {
  co_return co_await whom.ask(question{});
}

template <class Ask>
double bytes_in_flight(Ask ask) {
  std::atomic<bool> free{false};
  auto host = runtime::open();
  if (!host)
    throw std::runtime_error{to_string(host.error())};
  const auto whom = host->spawn<keeper>("keeper", [&free] { return keeper{free}; });
  if (!whom)
    throw std::runtime_error{to_string(whom.error())};
  whom->tell(hold{});
  std::vector<future<std::int64_t>> asked;
  asked.reserve(requests);
  const auto before = bytes_in_use();
  for (std::size_t i = 0; i < requests; ++i)
    asked.push_back(ask(*host, *whom));
  const auto each = (bytes_in_use() - before) / static_cast<double>(requests)
                    + static_cast<double>(sizeof(future<std::int64_t>));
  free.store(true);
  free.notify_all();
  for (auto& answer : asked)
    if (!answer.get())
      throw std::runtime_error{"a request was not answered"};
  return each;
}

/// The value of `measure` in a process that has done nothing else.
double in_a_child(const std::function<double()>& measure) {
  int ends[2];
  if (pipe(ends) != 0)
    throw std::runtime_error{"no pipe for a measuring process"};
  const auto child = fork();
  if (child == 0) {
    double value = -1;
    try {
      value = measure();
    } catch (const std::exception&) { // told by the value
    }
    _exit(write(ends[1], &value, sizeof value) == sizeof value ? 0 : 1);
  }
  close(ends[1]);
  double value = -1;
  const bool told = child > 0 && read(ends[0], &value, sizeof value) == sizeof value && value >= 0;
  close(ends[0]);
  if (child > 0)
    waitpid(child, nullptr, 0);
  if (!told)
    throw std::runtime_error{"a measuring process failed"};
  return value;
}

struct footprint {
  std::string cell;
  std::string contender;
  role kind;
  std::function<double()> measure;
};

std::vector<footprint> all_footprints() {
  return {
    {"bytes_per_idle_actor/10000", "caf", role::rival,
     [] { return bytes_per_idle_actor(make_caf_crowd); }},
    {"bytes_per_idle_actor/10000", "cortex", role::ours,
     [] { return bytes_per_idle_actor(make_cortex_crowd); }},
    {"bytes_in_flight/100000", "cortex", role::ours,
     [] {
       return bytes_in_flight(
         [](runtime&, const keeper_handle& whom) { return whom.ask(question{}); });
     }},
    {"bytes_in_flight/100000", "cortex_coroutines", role::ours,
     [] {
       return bytes_in_flight(
         [](runtime& host, const keeper_handle& whom) { return host.start(ask_and_wait(whom)); });
     }},
  };
}

} // namespace

std::vector<row_result> measure_footprints(const run_options& options) {
  std::vector<row_result> rows;
  for (const auto& each : all_footprints()) {
    row_result row{each.cell + '/' + each.contender, each.cell, each.contender, each.kind, 1, {}};
    if (!is_wanted(row.name, options))
      continue;
    row.unit = "bytes";
    for (unsigned i = 0; i < options.repetitions; ++i) {
      sample measured;
      measured.rate = in_a_child(each.measure);
      row.samples.push_back(measured);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

} // namespace cortex::bench
