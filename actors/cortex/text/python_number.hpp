/// Reads numbers the way Python's `int` and `float` do: ` 1_000 `, `.75`, `1e-1`.
///
/// All functions are *thread-safe* and do not depend on the locale.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cortex::text {

/// What a text that should be a number turned out to be.
enum class number_form : std::uint8_t {
  number,
  out_of_range, ///< An integer, but larger than the type can hold.
  malformed,
};

struct parsed_integer {
  number_form form = number_form::malformed;
  std::int64_t value = 0; ///< If `form` is `number`.
};

/// Reads white space, at most one sign, decimal digits with single underscores between them, white
/// space.
[[nodiscard]] parsed_integer parse_python_integer(std::string_view text);

/// Reads a decimal real number with an optional exponent, `inf`, `infinity` or `nan` in any case;
/// white space and underscores as for integers. Too large a number is infinite, too small a one
/// zero. Nothing if the text is none of these.
[[nodiscard]] std::optional<double> parse_python_real(std::string_view text);

} // namespace cortex::text
