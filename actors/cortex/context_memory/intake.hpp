/// What may be stored, and how it is made ready for that.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/context_memory.hpp"
#include "cortex/context_memory/rows.hpp"
#include "cortex/expected.hpp"
#include "cortex/text/local_time.hpp"

#include <string>
#include <string_view>

namespace cortex::context_memory {

[[nodiscard]] text::micros micros_of(wall_time instant) noexcept;
/// UTC, `YYYY-MM-DD HH:MM:SS`: what the column default of the original gives.
[[nodiscard]] std::string created_at(wall_time now);

/// Errors: `invalid_argument` naming the text if it is no valid UTF-8 or too long.
[[nodiscard]] expected<void> check_text(std::string_view name, std::string_view text);
/// The text of a JSON value. Errors: `invalid_argument` if it is nested too deep or too long.
[[nodiscard]] expected<std::string> checked_json(std::string_view name, const json& value);

/// Checks an entry, fills in the time and, if `redact`, takes the secrets out.
/// Errors: see `record`.
[[nodiscard]] expected<new_entry> prepare(entry what, wall_time now, bool redact);

} // namespace cortex::context_memory
