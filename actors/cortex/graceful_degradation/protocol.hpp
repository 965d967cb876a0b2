/// What the actor answers beyond the public requests.
#pragma once

#include "cortex/detail/since_read.hpp"
#include "cortex/graceful_degradation.hpp"
#include "cortex/graceful_degradation/fallback_state.hpp"
#include "cortex/graceful_degradation/response_table.hpp"
#include "cortex/graceful_degradation/rows.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cortex::graceful_degradation {

/// Who may be asked. Errors: `invalid_argument` (names).
struct admit {
  using reply = permit;
  std::vector<std::string> names;
};

/// How it went with those who were asked, and the answer to remember if there is one.
struct report {
  using reply = void;
  outcome how;
  std::optional<std::pair<query, std::string>> answer{};
};

/// What the cache has for a query: the exact entry, which counts as a hit, or else the first of the
/// similar ones, which does not.
struct recalled {
  graceful_degradation::mode mode = graceful_degradation::mode::full_ai;
  std::optional<record> exact{};
  std::optional<record> similar{};
};
struct recall {
  using reply = recalled;
  query what;
};

/// What a health check found.
struct note_check {
  using reply = void;
  health found;
};

/// The counters of the cache.
struct count {
  using reply = statistics; ///< Without the size of the file.
};

/// To itself: a put could not be written, so memory knows rows that the file does not.
struct write_failed {
  using reply = void;
};
/// To itself: hits could not be written; they are kept for the next time.
struct accesses_unwritten {
  using reply = void;
  std::vector<access> log;
  cortex::detail::since_read<response_table>::ticket noted;
};
/// To itself: what the file says now.
struct reloaded {
  using reply = void;
  std::uint64_t reading = 0; ///< See `since_read::begin`.
  expected<file_content> content;
};
/// To itself: the host has been told of the changes of mode so far.
struct told {
  using reply = void;
};

using own_protocol
  = cortex::protocol<get, put, similar, clear_old, flush, status, force, reset, admit, report,
                     recall, note_check, count, write_failed, accesses_unwritten, reloaded, told>;

} // namespace cortex::graceful_degradation
