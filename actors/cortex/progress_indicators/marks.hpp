/// The signs and colours that lines are made of.
#pragma once

#include "cortex/progress_indicators.hpp"
#include "cortex/progress_indicators/protocol.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace cortex::progress_indicators {

/// How things look. *Immutable after construction*.
struct look {
  progress_indicators::rendering rendering = rendering::lines;
  bool ascii = false;
  bool colors = false;
  bool icons = true;
};

enum class tint : std::uint8_t { none, dim, green, yellow, red, cyan, blue };

inline constexpr std::size_t glyph_count = 10;

[[nodiscard]] std::string_view spinner_glyph(const look& how, std::size_t index) noexcept;
[[nodiscard]] std::string_view mark(const look& how, level of) noexcept;
[[nodiscard]] std::string_view mark(const look& how, step_status of) noexcept;
[[nodiscard]] tint tint_of(level of) noexcept;
[[nodiscard]] tint tint_of(step_status of) noexcept;
/// What stands for text that was cut off.
[[nodiscard]] std::string_view ellipsis(const look& how) noexcept;
[[nodiscard]] std::string_view arrow(const look& how) noexcept;
/// A text in a colour, if there are colours.
[[nodiscard]] std::string tinted(const look& how, tint color, std::string_view text);
/// `full` blocks of `cells`.
[[nodiscard]] std::string blocks(const look& how, std::size_t full, std::size_t cells);
/// Each letter beyond ASCII as `?`.
[[nodiscard]] std::string to_ascii(std::string_view text);
/// With so many digits after the point, whatever the locale.
[[nodiscard]] std::string fixed(double value, int digits);

/// Chooses what `automatic` and the environment leave open.
[[nodiscard]] look choose_look(const options& wanted, const environment& env, bool is_terminal);

} // namespace cortex::progress_indicators
