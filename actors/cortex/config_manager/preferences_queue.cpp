#include "cortex/config_manager/preferences_queue.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <thread>
#include <utility>

namespace cortex::config_manager {
namespace {

constexpr const char* component = "config_manager";
/// A listener that is told too slowly misses what is beyond.
constexpr std::uint32_t most_untold = 1024;
/// Beyond, the disk does not follow: nobody would wait so long.
constexpr std::size_t most_waiting = 65'536;

unexpected too_many() {
  return unexpected{error{errc::overloaded, "too many reads and writes of the preferences wait",
                          stage::none, std::chrono::milliseconds{100}}};
}

/// Runs where continuations do, one after the other.
void call(const runtime& rt, const std::shared_ptr<detail::listener>& who, change what) {
  what.incomplete = who->missed.exchange(false) || what.incomplete;
  auto [now, arrives] = make_promise<void>(rt.continuations());
  static_cast<void>(arrives.then([who, what = std::move(what), rt](const expected<void>& /*now*/) {
    who->waiting.fetch_sub(1);
    if (!who->active.load())
      return;
    try {
      who->call(what);
    } catch (const std::exception& bug) {
      rt.log(severity::error, component, std::string{"a listener threw: "} + bug.what());
    } catch (...) {
      rt.log(severity::error, component, "a listener threw");
    }
  }));
  now.set({});
}

} // namespace

preferences_queue::preferences_queue(runtime rt, std::shared_ptr<cortex::detail::host_calls> calls,
                                     store_setting setting)
  : rt_(std::move(rt)),
    calls_(std::move(calls)),
    store_(std::move(setting), values_, [this](const change& what) { tell(what); }) {}

void preferences_queue::write(write_request change, promise<saved> reply) {
  if (waiting_.load(std::memory_order_relaxed) >= most_waiting)
    reply.set(too_many());
  else
    submit(std::make_unique<piece>(piece{piece::write{std::move(change), std::move(reply)}}));
}

void preferences_queue::load(promise<yaml> reply) {
  if (waiting_.load(std::memory_order_relaxed) >= most_waiting)
    reply.set(too_many());
  else
    submit(std::make_unique<piece>(piece{std::move(reply)}));
}

void preferences_queue::look_again() {
  if (!looks_.exchange(true))
    submit(std::make_unique<piece>(piece{piece::look{}}));
}

void preferences_queue::submit(std::unique_ptr<piece> what) {
  // Counted first, so that nobody takes more than was counted.
  const bool first = waiting_.fetch_add(1, std::memory_order_acq_rel) == 0;
  auto* added = what.release();
  added->next = newest_.load(std::memory_order_relaxed);
  // Pairs with the exchange in `take_all`.
  while (!newest_.compare_exchange_weak(added->next, added, std::memory_order_release,
                                        std::memory_order_relaxed)) {
  }
  if (!first)
    return;
  auto mine = shared_from_this();
  const auto started = calls_->start(
    [mine] { mine->while_any_waits([&mine](group& pieces) { mine->work_on(pieces); }); });
  if (!started) // what is dropped is answered
    while_any_waits([&started](group& pieces) {
      for (auto& each : pieces) {
        if (auto* change = std::get_if<piece::write>(&each->what))
          change->reply.set(unexpected{started.error()});
        else if (auto* load = std::get_if<promise<yaml>>(&each->what))
          load->set(unexpected{started.error()});
      }
    });
}

preferences_queue::group preferences_queue::take_all() noexcept {
  group pieces;
  for (auto* each = newest_.exchange(nullptr, std::memory_order_acquire); each != nullptr;) {
    auto* next = each->next;
    pieces.emplace_back(each);
    each = next;
  }
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

template <class Work>
void preferences_queue::while_any_waits(Work work) noexcept {
  for (;;) {
    auto pieces = take_all();
    const auto taken = pieces.size();
    if (taken == 0) { // counted, and pushed in a moment
      std::this_thread::yield();
      continue;
    }
    try {
      work(pieces);
    } catch (const std::exception& bug) { // whoever waits is answered as the group goes
      rt_.log(severity::error, component,
              std::string{"work on the preferences threw: "} + bug.what());
    }
    pieces.clear();
    if (waiting_.fetch_sub(taken, std::memory_order_acq_rel) == taken)
      return;
  }
}

void preferences_queue::work_on(group& pieces) {
  std::vector<write_request> changes;
  std::vector<promise<saved>*> replies;
  bool look = false;
  for (auto& each : pieces) {
    auto* change = std::get_if<piece::write>(&each->what);
    if (change == nullptr) {
      look = true;
      if (std::holds_alternative<piece::look>(each->what))
        looks_.store(false);
    } else {
      changes.push_back(std::move(change->change));
      replies.push_back(&change->reply);
    }
  }
  if (!changes.empty()) {
    auto outcome = store_.commit(changes, calls_->stopping());
    for (std::size_t i = 0; i < replies.size(); ++i)
      replies[i]->set(std::move(outcome[i]));
  }
  if (!look)
    return;
  store_.refresh();
  for (auto& each : pieces)
    if (auto* load = std::get_if<promise<yaml>>(&each->what))
      load->set(store_.content());
}

void preferences_queue::tell(const change& what) {
  for (const auto& each : *heard_by_.get()) {
    if (each->waiting.fetch_add(1) < most_untold) {
      call(rt_, each, what);
    } else {
      each->waiting.fetch_sub(1);
      each->missed.store(true);
    }
  }
}

} // namespace cortex::config_manager
