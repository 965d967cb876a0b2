#include "cortex/text/digest.hpp"

#include <sodium.h>

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

} // namespace

sha256_digest sha256(std::string_view data) noexcept {
  prepare_sodium();
  sha256_digest digest{};
  static_assert(std::tuple_size_v<sha256_digest> == crypto_hash_sha256_BYTES);
  crypto_hash_sha256(digest.data(), bytes(data), data.size());
  return digest;
}

std::string sha256_hex(std::string_view data) {
  return to_hex(sha256(data));
}

std::string to_hex(const sha256_digest& digest) {
  std::string hex;
  hex.reserve(2 * digest.size());
  for (const auto byte : digest) {
    hex += hex_digits[byte >> 4U];
    hex += hex_digits[byte & 0xfU];
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
