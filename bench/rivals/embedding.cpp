#include "rivals/embedding.hpp"

#include <sodium.h>

#include <charconv>
#include <cmath>

namespace cortex::bench {
namespace {

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool in_word(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '-'
         || letter == '_' || letter == '.' || static_cast<unsigned char>(letter) >= 0x80;
}

void add_word(embedding& sums, std::string_view word) {
  std::array<unsigned char, 8> digest{};
  // The general interface refuses fewer than 16 bytes; this one takes the original's 8.
  crypto_generichash_blake2b(digest.data(), digest.size(), bytes_of(word), word.size(), nullptr, 0);
  sums[digest.back() & 0x7F] += (digest.front() & 0x80) != 0 ? -1.0 : 1.0;
}

void normalise(embedding& vector) {
  double squares = 0;
  for (const double each : vector)
    squares += each * each;
  if (squares > 0)
    for (auto& each : vector)
      each /= std::sqrt(squares);
}

} // namespace

embedding embed(std::string_view prompt) {
  embedding sums{};
  std::string word;
  for (const char raw : prompt) {
    const char letter = raw >= 'A' && raw <= 'Z' ? static_cast<char>(raw - 'A' + 'a') : raw;
    if (in_word(letter)) {
      word += letter;
    } else if (!word.empty()) {
      add_word(sums, word);
      word.clear();
    }
  }
  if (!word.empty())
    add_word(sums, word);
  normalise(sums);
  return sums;
}

std::string to_json(const embedding& vector) {
  std::string text = "[";
  std::array<char, 32> number{};
  for (const double each : vector) {
    if (text.size() > 1)
      text += ',';
    const auto end = std::to_chars(number.data(), number.data() + number.size(), each).ptr;
    const std::string_view digits{number.data(), static_cast<std::size_t>(end - number.data())};
    text += digits;
    if (digits.find_first_of(".e") == std::string_view::npos)
      text += ".0";
  }
  text += ']';
  return text;
}

std::optional<embedding> from_json(std::string_view text) noexcept {
  embedding vector{};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (auto& each : vector) {
    if (at == end || (*at != '[' && *at != ','))
      return std::nullopt;
    const auto [next, problem] = std::from_chars(at + 1, end, each);
    if (problem != std::errc{})
      return std::nullopt;
    at = next;
  }
  return at != end && *at == ']' ? std::optional{vector} : std::nullopt;
}

double similarity(const embedding& left, const embedding& right) noexcept {
  double sum = 0;
  for (std::size_t i = 0; i < left.size(); ++i)
    sum += left[i] * right[i];
  return sum;
}

std::string sha256_hex(std::string_view text) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(digest.data(), bytes_of(text), text.size());
  std::string hex(2 * digest.size() + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), digest.data(), digest.size());
  hex.pop_back();
  return hex;
}

} // namespace cortex::bench
