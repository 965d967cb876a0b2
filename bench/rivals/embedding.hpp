/// The original's bag-of-words embedding and its text form, as the stand-in stores it.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace cortex::bench {

using embedding = std::array<double, 128>;

/// The embedding of a prompt. Cheaper than the original's: only ASCII is lower-cased and every
/// other byte belongs to a word.
[[nodiscard]] embedding embed(std::string_view prompt);

/// JSON text, `[0.0,0.5,…]`, and back; empty if the text is something else.
[[nodiscard]] std::string to_json(const embedding& vector);
[[nodiscard]] std::optional<embedding> from_json(std::string_view text) noexcept;

/// The plain dot product, from index 0 upwards.
[[nodiscard]] double similarity(const embedding& left, const embedding& right) noexcept;

/// SHA-256 as 64 lower-case hex digits.
[[nodiscard]] std::string sha256_hex(std::string_view text);

} // namespace cortex::bench
