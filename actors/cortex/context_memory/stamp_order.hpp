/// Time stamps in eight bytes, ordered as their texts are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::context_memory {

/// A time stamp, packed; means something to the `stamp_order` that made it.
using packed_stamp = std::uint64_t;

/// Packs stamps. Those in the usual form take eight bytes, all others keep their text. *Not
/// thread-safe*.
class stamp_order {
public:
  [[nodiscard]] packed_stamp pack(std::string_view text);
  [[nodiscard]] std::string unpack(packed_stamp packed) const;
  /// By the binary order of the texts.
  [[nodiscard]] bool less(packed_stamp left, packed_stamp right) const {
    return ((left | right) & unusual) == 0 ? left < right : unpack(left) < unpack(right);
  }

private:
  static constexpr packed_stamp unusual = packed_stamp{1} << 63U;
  std::vector<std::string> texts_; // of unusual stamps, by the rest of their bits
};

} // namespace cortex::context_memory
