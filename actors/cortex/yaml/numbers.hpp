/// Integers and reals in all spellings of YAML 1.1: `0x1F`, `017`, `1_000`, `1:30`, `1.5e+3`.
///
/// All functions are *thread-safe*.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace cortex::yaml_detail {

/// The decimal digits of an integer, behind a `-` if it is negative, without zeros in front.
/// Nothing if the text is none, or if it has more than `max_digits` of them.
[[nodiscard]] std::optional<std::string> read_integer(std::string_view text,
                                                      std::size_t max_digits);

/// Nothing if the text is no number.
[[nodiscard]] std::optional<double> read_real(std::string_view text);

/// What a real number is written as: `1.0`, `1.0e+16`, `.nan`.
[[nodiscard]] std::string real_text(double number);

/// All digits of a real number without a fraction, behind a `-` if it is negative.
/// @pre `number` is finite and has no fraction
[[nodiscard]] std::string whole_digits(double number);

} // namespace cortex::yaml_detail
