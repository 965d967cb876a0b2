/// How an actor that has its file's content in memory comes to be.
#pragma once

#include "cortex/database.hpp"
#include "cortex/error.hpp"
#include "cortex/expected.hpp"
#include "cortex/handle.hpp"
#include "cortex/options.hpp"
#include "cortex/runtime.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace cortex::detail {

/// The longest pause that a clock can add to its time, if the wanted one is longer.
[[nodiscard]] inline std::chrono::milliseconds tick_of(std::chrono::milliseconds wanted) noexcept {
  constexpr auto longest
    = std::chrono::floor<std::chrono::milliseconds>(std::chrono::nanoseconds::max());
  return std::min(wanted, longest);
}

/// Returns when all writes that were handed over before are done, whoever handed them over, or
/// nothing more can be done for them. Errors: `closed`, `forked`.
[[nodiscard]] inline expected<void> settle_writes(storage::database& file) {
  for (const auto lane : {storage::lane::interactive, storage::lane::normal, storage::lane::bulk,
                          storage::lane::maintenance}) {
    storage::write_options how;
    how.lane = lane;
    const auto done = file.write([](storage::transaction& /*nothing*/) {}, how);
    // Nothing is written, so any other error is none of a reading: a disk that is full, say.
    if (!done && (done.error() == errc::closed || done.error() == errc::forked))
      return unexpected{done.error()};
  }
  return {};
}

/// Spawns an actor made from `parts` and from what `load(parts.file)` gives; again after a crash.
/// It is told how many changes by others its file had had when the reading began.
///
/// The file is read when the name is held already and what was handed over to it is in it: an
/// earlier actor of the same file may have ended, or crashed, ahead of its writes. `look` sees what
/// was read the first time, before the actor is made, on this thread. Errors: those of `load`, the
/// first time; those of `runtime::spawn`.
template <class Actor, class Parts, class Load, class Look>
[[nodiscard]] expected<handle<typename Actor::protocol>>
spawn_loaded(runtime rt, std::string name, Parts parts, Load load, Look look,
             const actor_options& options) {
  struct first_time {
    Look& look;
    std::optional<error> problem{};
  };
  first_time mine{look};
  auto spawned = rt.spawn<Actor>(
    std::move(name),
    [parts = std::move(parts), load = std::move(load),
     first = &mine]() mutable -> std::unique_ptr<Actor> {
      auto* const opener = std::exchange(first, nullptr); // who is here the first time only
      const auto settled = settle_writes(parts.file);
      const auto foreign_changes = parts.file.stats().foreign_changes;
      auto content = settled ? load(parts.file) : unexpected{settled.error()};
      if (!content) {
        if (opener != nullptr)
          opener->problem = std::move(content).error();
        return nullptr;
      }
      if (opener != nullptr)
        opener->look(*content);
      return std::make_unique<Actor>(parts, *std::move(content), foreign_changes);
    },
    options);
  if (!spawned && mine.problem)
    return fail(*std::move(mine.problem));
  return spawned;
}

} // namespace cortex::detail
