/// The inner part of SHA-256 by the processor's own instructions, where it has them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace cortex::text::detail {

using sha256_state = std::array<std::uint32_t, 8>;

/// Mixes blocks of 64 bytes each into the state.
using sha256_mixer
  = void (*)(sha256_state& state, const unsigned char* data, std::size_t blocks) noexcept;

/// The mixer for this processor; null if it has no such instructions. *Thread-safe*.
[[nodiscard]] sha256_mixer find_sha256_mixer() noexcept;

} // namespace cortex::text::detail
