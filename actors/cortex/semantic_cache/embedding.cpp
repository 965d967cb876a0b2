#include "cortex/semantic_cache/embedding.hpp"

#include "cortex/text/digest.hpp"
#include "cortex/text/python_float.hpp"
#include "cortex/text/python_json.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <span>

namespace cortex::semantic_cache {
namespace {

constexpr std::size_t known_word_count = 512; // 12 KiB; a power of two

/// Adds up words. Not thread-safe.
class bag_of_words {
public:
  void add(word_place at) noexcept {
    sums_[at.dimension] += at.sign;
    touched_[at.dimension / word_bits] |= std::uint64_t{1} << at.dimension % word_bits;
  }

  /// The sums, divided by their length as a vector.
  [[nodiscard]] sparse_embedding normalized() const noexcept {
    double squares = 0.0; // a zero would not change it: only touched dimensions matter
    for_each_touched(
      [&](std::size_t dimension) { squares += sums_[dimension] * sums_[dimension]; });
    const double norm = std::sqrt(squares);
    sparse_embedding result;
    for_each_touched([&](std::size_t dimension) {
      if (sums_[dimension] != 0.0)
        result.append(dimension, sums_[dimension] / norm);
    });
    return result;
  }

private:
  static constexpr std::size_t word_bits = 64;

  /// By ascending dimension.
  template <class Visit>
  void for_each_touched(Visit visit) const {
    for (std::size_t word = 0; word < touched_.size(); ++word)
      for (auto left = touched_[word]; left != 0; left &= left - 1)
        visit(word * word_bits + static_cast<std::size_t>(std::countr_zero(left)));
  }

  std::array<double, dimensions> sums_{}; // small integers, so they are exact
  std::array<std::uint64_t, dimensions / word_bits> touched_{};
};

} // namespace

sparse_embedding::sparse_embedding(const embedding& dense) noexcept {
  for (std::size_t dimension = 0; dimension < dimensions; ++dimension)
    if (dense.values[dimension] != 0.0)
      append(dimension, dense.values[dimension]);
}

embedding sparse_embedding::dense() const noexcept {
  embedding result;
  for (std::size_t i = 0; i < size_; ++i)
    result.values[dimension(i)] = value(i);
  return result;
}

word_place place(std::string_view word) noexcept {
  static_assert((dimensions & (dimensions - 1)) == 0);
  const std::uint64_t hash = text::blake2b64(word);
  const bool negative = (hash >> 63U) != 0;
  return {static_cast<std::uint8_t>(hash % dimensions),
          static_cast<std::int8_t>(negative ? -1 : 1)};
}

embedder::embedder() : known_words_(known_word_count) {}

sparse_embedding embedder::embed(std::string_view prompt) {
  bag_of_words bag;
  for (const auto word : splitter_.split(prompt))
    bag.add(find_place(word));
  return bag.normalized();
}

word_place embedder::find_place(std::string_view word) {
  if (word.size() > known_word::max_bytes)
    return place(word);
  auto& known = known_words_[std::hash<std::string_view>{}(word) % known_word_count];
  if (std::string_view{known.bytes.data(), known.size} != word) {
    std::copy(word.begin(), word.end(), known.bytes.begin());
    known.size = static_cast<std::uint8_t>(word.size());
    known.place = place(word);
  }
  return known.place;
}

embedding embed(std::string_view prompt) {
  word_splitter splitter;
  bag_of_words bag;
  for (const auto word : splitter.split(prompt))
    bag.add(place(word));
  return bag.normalized().dense();
}

double similarity(const embedding& left, const embedding& right) noexcept {
  double sum = 0.0;
  for (std::size_t dimension = 0; dimension < dimensions; ++dimension)
    sum += left.values[dimension] * right.values[dimension];
  return sum;
}

std::string to_blob(const sparse_embedding& vector) {
  constexpr std::string_view zero = ",0.0";
  constexpr std::size_t longest_number = 26; // ",-1.2345678901234567e-300" and one to spare
  static const std::string zeros = [zero] {
    std::string all;
    for (std::size_t i = 0; i < dimensions; ++i)
      all += zero;
    return all;
  }();
  // Words count one or two each, so that few different numbers occur: each is spelled once.
  struct spelled {
    double size = 0.0;
    std::size_t begin = 0;
    std::size_t length = 0;
  };
  std::array<spelled, 8> known;
  std::size_t known_count = 0;

  std::string out;
  out.reserve(dimensions * zero.size() + vector.size() * longest_number + 1);
  std::size_t next = 0; // the first dimension that is not written
  for (std::size_t i = 0; i < vector.size(); ++i) {
    out.append(zeros, 0, (vector.dimension(i) - next) * zero.size());
    next = vector.dimension(i) + 1;
    out += vector.value(i) < 0.0 ? ",-" : ",";
    const double size = std::fabs(vector.value(i));
    const auto seen = std::span{known}.first(known_count);
    const auto same = std::ranges::find(seen, size, &spelled::size);
    if (same != seen.end()) {
      out.append(out, same->begin, same->length);
      continue;
    }
    const auto begin = out.size();
    text::append_python_float(out, size);
    if (known_count < known.size())
      known[known_count++] = {size, begin, out.size() - begin};
  }
  out.append(zeros, 0, (dimensions - next) * zero.size());
  out.front() = '[';
  out += ']';
  return out;
}

expected<embedding> from_blob(std::string_view blob) {
  auto numbers = text::read_json_numbers(blob);
  if (!numbers)
    return fail(errc::corrupt, "embedding: " + numbers.error().detail);
  embedding result;
  if (numbers->size() == dimensions)
    std::copy(numbers->begin(), numbers->end(), result.values.begin());
  return result;
}

} // namespace cortex::semantic_cache
