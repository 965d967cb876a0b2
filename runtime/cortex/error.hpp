/// Errors as values: what went wrong, at which stage, and what a caller may do about it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

namespace cortex {

/// The kinds of failure a caller may act on differently. Values are stable across releases.
enum class errc : std::uint8_t {
  invalid_argument = 1, ///< The request is malformed; the same request fails again.
  not_found = 2,        ///< The named thing does not exist.
  already_exists = 3,   ///< A thing of that name or key exists.
  in_use = 4,           ///< Another process or owner holds it.
  timeout = 5,          ///< The deadline passed; `error::where` says at which stage.
  overloaded = 6,       ///< The bound is reached; try again after `error::retry_after`.
  unavailable = 7,      ///< The actor is dead, restarting, failed or dropped the request.
  cancelled = 8,        ///< The asker withdrew the request.
  would_deadlock = 9,   ///< A blocking operation from where blocking is not allowed.
  closed = 10,          ///< The runtime or database is stopping or stopped.
  forked = 11,          ///< Used in a child process after `fork`.
  read_only = 12,       ///< The database or its file cannot be written.
  no_space = 13,        ///< The disk or quota is full; nothing of the request was kept.
  io = 14,              ///< The operating system failed to read or write.
  corrupt = 15,         ///< The file is damaged or is no database.
  newer_format = 16,    ///< The file was written by a newer program.
  permission = 17,      ///< The process lacks the right.
  unsupported = 18,     ///< This build, file system or platform cannot do it.
  constraint = 19,      ///< A constraint of the schema was violated.
  outcome_unknown = 20, ///< The request may or may not have taken effect.
  internal = 21,        ///< A handler threw, or an invariant broke: a bug.
};

/// The name of a kind, as in the enumeration: `"invalid_argument"`.
[[nodiscard]] std::string_view to_string(errc code) noexcept;

/// Where on its way a request is: where its time ran out, or where it spent its time.
enum class stage : std::uint8_t {
  none = 0,  ///< Not bound to a stage.
  admission, ///< Before it was queued.
  mailbox,   ///< In the queue of its actor.
  handler,   ///< Begun by its actor, not answered yet.
  lane,      ///< In a queue of the database's writer.
  execute,   ///< In its turn in a group, rolled back.
  commit,    ///< Handed to COMMIT: the outcome is unknown to the caller.
  reader,    ///< Waiting for a reader connection.
  // Nobody's time runs out in these; they are told of slow requests.
  handed_on, ///< The handler has returned; whoever it handed the request to has yet to answer.
  group,     ///< Waiting for others in its group, before and after its own turn.
  read,      ///< At work on a reader connection.
  reply,     ///< Answered; on the way to the asker.
};
/// How many stages there are.
inline constexpr std::size_t stage_count = 12;

/// The name of a stage, as in the enumeration: `"mailbox"`.
[[nodiscard]] std::string_view to_string(stage where) noexcept;

/// A failure. Branch on `code`; `detail` is for people and names the thing at hand.
struct error {
  errc code = errc::internal;
  std::string detail;
  stage where = stage::none;                ///< Set for `timeout`.
  std::chrono::milliseconds retry_after{0}; ///< A hint, set for `overloaded`.

  friend bool operator==(const error& left, const error& right) noexcept {
    return left.code == right.code;
  }
  friend bool operator==(const error& left, errc right) noexcept { return left.code == right; }
};

/// One line for people: `timeout in mailbox: 'ledger' did not answer within 5 s`.
[[nodiscard]] std::string to_string(const error& problem);
std::ostream& operator<<(std::ostream& out, const error& problem);
std::ostream& operator<<(std::ostream& out, errc code);

} // namespace cortex
