// The part of the writer that deals with readers that keep the log over its budget: they are named,
// then interrupted, and writes are slowed if that does not help.

#include "cortex/storage/patience.hpp"
#include "cortex/storage/writer.hpp"

#include <algorithm>
#include <exception>
#include <string>
#include <thread>
#include <utility>

namespace cortex::storage::detail {

// True if those in the way are gone, or were told to end: the log may be emptied then.
bool writer::govern(std::uint64_t pages) noexcept {
  auto& readers = *around_.readers;
  const auto now = around_.clock.now();
  readers.note_log(pages);
  governor_.note_log(pages, now);
  if (!governor_.over_budget())
    return false;
  auto pins = readers.pinning(now);
  bool any = std::exchange(pinned_, !pins.empty()) && pins.empty();
  for (auto& each : pins) {
    const auto step = governor_.step(each.place, each.number, each.since, each.pin_for, now);
    if (step == pin_step::name) {
      add_relaxed(counters_.readers_named);
      name(each.what);
    } else if (step == pin_step::interrupt) {
      const auto [told, ended] = readers.interrupt(each);
      any = any || told || ended;
      if (told) {
        add_relaxed(counters_.readers_interrupted);
        each.what.ended = true;
        name(each.what);
      }
    }
  }
  return any;
}

void writer::name(const pinned_log& what) noexcept {
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(what.age);
  around_.log(severity::warning, "the log is over its budget: '" + what.owner
                                   + "' has kept its state for " + std::to_string(age.count())
                                   + " ms, " + std::to_string(what.pages) + " pages of the log"
                                   + (what.ended ? "; it is interrupted" : ""));
  try {
    if (around_.options.governor.on_pinned)
      around_.options.governor.on_pinned(what);
  } catch (...) { // NOLINT(bugprone-empty-catch): the host's affair, and nobody here can answer it
  }
}

// Before a group begins: nobody's transaction is held up, and who has no time left is told so.
void writer::slow_down() noexcept {
  if (!governor_.over_budget())
    return; // spares a look at the clock
  const auto pause = governor_.delay(around_.clock.now());
  if (pause.count() <= 0)
    return;
  add_relaxed(counters_.slowed_groups);
  add_relaxed(counters_.slowed_nanoseconds, static_cast<std::uint64_t>(pause.count()));
  constexpr std::chrono::milliseconds between_looks{5};
  const patience wait{around_.clock, pause};
  while (around_.may_sleep && !wait.over() && !lanes_.refusing())
    std::this_thread::sleep_until(
      std::min(wait.look_again(), std::chrono::steady_clock::now() + between_looks));
}

// Why writes must wait for a reader to go, if they must: it may have gone since the last commit.
std::optional<error> writer::refuse_for_log() noexcept {
  const auto limit = around_.options.governor.wal_limit_bytes / log_page_bytes;
  if (around_.readers == nullptr || !governor_.at_limit(limit))
    return std::nullopt;
  static_cast<void>(govern(last_pages_));
  constexpr std::chrono::microseconds quick{200};
  auto& readers = *around_.readers;
  if (readers.close_gate(std::chrono::steady_clock::now() + quick))
    static_cast<void>(checkpoint(true));
  else
    note_pinned();
  readers.open_gate();
  if (on_ != nullptr && !governor_.at_limit(limit))
    return std::nullopt;
  const auto owner = pinned_by();
  return error{errc::no_space, "the log is at its limit, kept by "
                                 + (owner.empty() ? std::string{"another process"} : owner)};
}

} // namespace cortex::storage::detail
