/// The lines of the original, byte for byte.
#pragma once

#include "cortex/progress_indicators.hpp"
#include "cortex/progress_indicators/marks.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace cortex::progress_indicators {

/// A mark, a blank, the text.
[[nodiscard]] std::string marked(const look& how, level of, std::string_view text);
/// `DESCRIPTION: [████░░] 2/3`, with 20 blocks; without a total the number alone.
[[nodiscard]] std::string bar_line(const look& how, std::string_view description,
                                   std::uint64_t done, std::uint64_t total);
/// `DESCRIPTION: 25.0% (512.0 KB/s)`, never more than 100 %; without a total the bytes.
[[nodiscard]] std::string download_line(std::string_view description, std::uint64_t bytes,
                                        std::uint64_t total, double seconds);
/// `Downloaded 1.0 MB in 2.0s (0.5 MB/s)`; without a total by the bytes that came.
[[nodiscard]] std::string downloaded_text(std::uint64_t bytes, std::uint64_t total, double seconds);
/// What a step's change says, two blanks before it; empty for `pending`.
[[nodiscard]] std::string step_line(const look& how, const step& which, std::string_view reason,
                                    monotonic_time now);
/// `Completed 1/3 steps (1 failed)`.
[[nodiscard]] std::string steps_text(const context& all);

/// A share of the work, 0 to 1; 0 without a total.
[[nodiscard]] double fraction_of(std::uint64_t done, std::uint64_t total) noexcept;
[[nodiscard]] double seconds_between(monotonic_time from, monotonic_time to) noexcept;

} // namespace cortex::progress_indicators
