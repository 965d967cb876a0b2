#include "cortex/text/digest.hpp"

#include "cortex/text/sha256_blocks.hpp"

#include <sodium.h>

#include <algorithm>
#include <cstring>

namespace cortex::text {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

/// Lets libsodium pick its code for this processor, once. Without that it hashes as well, slower:
/// a failure needs no answer.
void prepare_sodium() noexcept {
  [[maybe_unused]] static const int prepared = sodium_init();
}

const unsigned char* bytes(std::string_view data) noexcept {
  return reinterpret_cast<const unsigned char*>(data.data());
}

/// The value of a lower-case hexadecimal digit, or -1.
int hex_value(char digit) noexcept {
  if (digit >= '0' && digit <= '9')
    return digit - '0';
  return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/// @pre `mix` is not null
sha256_digest sha256_with(detail::sha256_mixer mix, std::string_view data) noexcept {
  constexpr std::size_t block = 64;
  constexpr std::size_t length_bytes = 8;
  // FIPS 180-4, section 5.3.3.
  detail::sha256_state state{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                             0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  const std::size_t whole = data.size() / block;
  mix(state, bytes(data), whole);

  // What is left, a bit, zeros, and the length in bits at the end of a block.
  std::array<unsigned char, 2 * block> last{};
  const auto left = data.substr(whole * block);
  std::copy(left.begin(), left.end(), last.begin());
  last[left.size()] = 0x80;
  const std::size_t last_blocks = left.size() + 1 + length_bytes <= block ? 1 : 2;
  auto bits = static_cast<std::uint64_t>(data.size()) * 8;
  for (std::size_t at = last_blocks * block; bits != 0; bits >>= 8U)
    last[--at] = static_cast<unsigned char>(bits);
  mix(state, last.data(), last_blocks);

  sha256_digest digest{};
  for (std::size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<std::uint8_t>(state[i / 4] >> (24 - i % 4 * 8));
  return digest;
}

} // namespace

namespace detail {

sha256_digest sha256_by_library(std::string_view data) noexcept {
  prepare_sodium();
  sha256_digest digest{};
  static_assert(std::tuple_size_v<sha256_digest> == crypto_hash_sha256_BYTES);
  crypto_hash_sha256(digest.data(), bytes(data), data.size());
  return digest;
}

} // namespace detail

sha256_digest sha256(std::string_view data) noexcept {
  static const auto mix = detail::find_sha256_mixer();
  return mix != nullptr ? sha256_with(mix, data) : detail::sha256_by_library(data);
}

std::string sha256_hex(std::string_view data) {
  return to_hex(sha256(data));
}

std::string to_hex(const sha256_digest& digest) {
  std::string hex(2 * digest.size(), '0');
  auto* next = hex.data();
  for (const auto byte : digest) {
    *next++ = hex_digits[byte >> 4U];
    *next++ = hex_digits[byte & 0xfU];
  }
  return hex;
}

std::optional<sha256_digest> digest_from_hex(std::string_view hex) noexcept {
  sha256_digest digest{};
  if (hex.size() != 2 * digest.size())
    return std::nullopt;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const int high = hex_value(hex[2 * i]);
    const int low = hex_value(hex[2 * i + 1]);
    if (high < 0 || low < 0)
      return std::nullopt;
    digest[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return digest;
}

std::uint64_t blake2b64(std::string_view data) noexcept {
  prepare_sodium();
  std::array<unsigned char, 8> digest{};
  crypto_generichash_blake2b(digest.data(), digest.size(), bytes(data), data.size(), nullptr, 0);
  std::uint64_t value = 0;
  for (const auto byte : digest)
    value = value << 8U | byte;
  return value;
}

std::size_t digest_hash::operator()(const sha256_digest& digest) const noexcept {
  std::size_t prefix = 0;
  static_assert(sizeof prefix <= std::tuple_size_v<sha256_digest>);
  std::memcpy(&prefix, digest.data(), sizeof prefix);
  return prefix;
}

} // namespace cortex::text
