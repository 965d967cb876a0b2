/// The built-in embedding: a prompt's bag of words, hashed into 128 signed dimensions.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/semantic_cache/words.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::semantic_cache {

/// Fixed by the file format; a power of two.
inline constexpr std::size_t dimensions = 128;

/// A vector of length 1, or the zero vector for a prompt without words.
struct embedding {
  std::array<double, dimensions> values{};

  friend bool operator==(const embedding&, const embedding&) = default;
};

/// The components of an embedding that are not zero, by ascending dimension. *Not thread-safe*.
class sparse_embedding {
public:
  sparse_embedding() = default;
  sparse_embedding(
    const embedding& dense) noexcept; // NOLINT(google-explicit-constructor): same vector

  /// @pre `dimension` is below `dimensions` and above all that are there, `value` is not zero
  void append(std::size_t dimension, double value) noexcept {
    dimensions_[size_] = static_cast<std::uint8_t>(dimension);
    values_[size_] = value;
    ++size_;
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// @pre `index < size()`
  [[nodiscard]] std::size_t dimension(std::size_t index) const noexcept {
    return dimensions_[index];
  }
  /// @pre `index < size()`
  [[nodiscard]] double value(std::size_t index) const noexcept { return values_[index]; }

  [[nodiscard]] embedding dense() const noexcept;

private:
  std::size_t size_ = 0;
  std::array<std::uint8_t, dimensions> dimensions_{};
  std::array<double, dimensions> values_{};
};

/// Where a word counts and with which sign.
struct word_place {
  std::uint8_t dimension = 0; ///< Below `dimensions`.
  std::int8_t sign = 1;       ///< 1 or -1.
};

/// Thread-safe.
[[nodiscard]] word_place place(std::string_view word) noexcept;

/// Embeds prompts one after the other. Keeps its memory, and the places of words seen lately: most
/// prompts repeat them, and hashing is most of the work. *Not thread-safe*.
class embedder {
public:
  embedder();

  [[nodiscard]] sparse_embedding embed(std::string_view prompt);

private:
  /// A word short enough to be kept, with its place.
  struct known_word {
    static constexpr std::size_t max_bytes = 21; // makes 24 bytes in all
    std::array<char, max_bytes> bytes{};
    std::uint8_t size = 0; ///< 0: none. Words are never empty.
    word_place place;
  };

  [[nodiscard]] word_place find_place(std::string_view word);

  word_splitter splitter_;
  std::vector<known_word> known_words_; // by the hash of the word, the last one stays
};

/// The embedding of one prompt. Thread-safe.
[[nodiscard]] embedding embed(std::string_view prompt);

/// The plain dot product: one rounding for each multiplication and one for each addition, from
/// dimension 0 upwards. Equal bags of words may miss 1.0 by a bit. Thread-safe.
[[nodiscard]] double similarity(const embedding& left, const embedding& right) noexcept;

/// The content of the column `embedding`: a JSON array of 128 numbers. Thread-safe.
[[nodiscard]] std::string to_blob(const sparse_embedding& vector);

/// Reads the column `embedding`. An array of another length than 128 is similar to nothing, as the
/// zero vector is, and gives that one. Thread-safe.
/// Errors: `corrupt` if the text is no JSON array of finite numbers.
[[nodiscard]] expected<embedding> from_blob(std::string_view blob);

} // namespace cortex::semantic_cache
