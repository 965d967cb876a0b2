/// Digests of texts: SHA-256 for identity, a 64-bit BLAKE2b for spreading words.
///
/// All functions are *thread-safe*.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cortex::text {

/// A SHA-256 digest. Its order is the binary order of its hexadecimal text.
using sha256_digest = std::array<std::uint8_t, 32>;

[[nodiscard]] sha256_digest sha256(std::string_view data) noexcept;

namespace detail {

/// The same without the processor's own instructions.
[[nodiscard]] sha256_digest sha256_by_library(std::string_view data) noexcept;

} // namespace detail

/// SHA-256 as 64 lower-case hexadecimal digits.
[[nodiscard]] std::string sha256_hex(std::string_view data);

/// A digest as 64 lower-case hexadecimal digits.
[[nodiscard]] std::string to_hex(const sha256_digest& digest);

/// The digest that `to_hex` wrote; nothing if the text is not 64 lower-case hexadecimal digits.
[[nodiscard]] std::optional<sha256_digest> digest_from_hex(std::string_view hex) noexcept;

/// BLAKE2b with digest length 8 and no key, read as a big-endian number. The length is a parameter
/// of the algorithm: this is no cut of a longer digest.
[[nodiscard]] std::uint64_t blake2b64(std::string_view data) noexcept;

/// Hashes a digest for unordered containers: its bytes are spread already.
struct digest_hash {
  [[nodiscard]] std::size_t operator()(const sha256_digest& digest) const noexcept;
};

} // namespace cortex::text
