/// How an actor that has its file's content in memory comes to be.
#pragma once

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

/// Spawns an actor made from `parts` and from what `load(parts.file)` gives; again after a crash.
///
/// The file is read when the name is held already, so when an earlier actor of the same file has
/// written its last. `look` sees what was read the first time, before the actor is made, on this
/// thread. Errors: those of `load`, the first time; those of `runtime::spawn`.
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
      auto content = load(parts.file);
      if (!content) {
        if (opener != nullptr)
          opener->problem = std::move(content).error();
        return nullptr;
      }
      if (opener != nullptr)
        opener->look(*content);
      return std::make_unique<Actor>(parts, *std::move(content));
    },
    options);
  if (!spawned && mine.problem)
    return fail(*std::move(mine.problem));
  return spawned;
}

} // namespace cortex::detail
