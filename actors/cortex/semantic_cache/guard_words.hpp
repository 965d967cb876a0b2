/// The English words that the guard takes for decisive.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace cortex::semantic_cache {

/// Words of opposite meaning, separated by spaces.
struct opposite {
  std::string_view left;
  std::string_view right;
  /// The left words are everywhere (`on`, `up`): beside a right one they say nothing.
  bool weak = false;
};

/// All pairs. A word may stand in several.
[[nodiscard]] std::span<const opposite> opposites() noexcept;

/// Which side of a pair a word is on.
struct side {
  std::uint8_t pair = 0;  ///< In `opposites()`.
  std::uint8_t right = 0; ///< 0: left, 1: right.

  friend auto operator<=>(const side&, const side&) = default;
};

/// The sides that a lower-cased word is on, also in an inflected form (`stopped`, `removing`).
[[nodiscard]] std::span<const side> sides_of(std::string_view word);

/// `not`, `never`, `without`, `don't`: what turns the next word round. Lower case.
[[nodiscard]] bool is_negation(std::string_view word) noexcept;
/// Articles and the like, which may stand between a negation and its word. Lower case.
[[nodiscard]] bool is_filler(std::string_view word) noexcept;
/// The number that a lower-cased word says, in digits; empty if none. `one` is a pronoun too often.
[[nodiscard]] std::string_view digits_of(std::string_view word) noexcept;
/// The short form of a lower-cased unit (`gigabytes`, `gb`: `gb`); empty if it is none.
[[nodiscard]] std::string_view unit_of(std::string_view word) noexcept;

} // namespace cortex::semantic_cache
