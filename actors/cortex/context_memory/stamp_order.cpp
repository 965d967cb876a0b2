#include "cortex/context_memory/stamp_order.hpp"

#include <array>
#include <cstddef>
#include <optional>

namespace cortex::context_memory {
namespace {

constexpr std::string_view shape = "0000-00-00T00:00:00.000000";
constexpr std::size_t short_length = 19; // without the fraction

struct field {
  std::size_t at;
  std::size_t digits;
  packed_stamp range; ///< Values from 0 to one below it; a product of all fits 63 bits.
};
constexpr std::array<field, 6> fields{
  {{0, 4, 10'000}, {5, 2, 13}, {8, 2, 32}, {11, 2, 24}, {14, 2, 60}, {17, 2, 60}}};
constexpr field fraction{20, 6, 1'000'000};

bool has_shape(std::string_view text) noexcept {
  if (text.size() != short_length && text.size() != shape.size())
    return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (shape[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i])
      return false;
  return true;
}

packed_stamp number_at(std::string_view text, const field& where) noexcept {
  packed_stamp value = 0;
  for (const char digit : text.substr(where.at, where.digits))
    value = value * 10 + static_cast<packed_stamp>(digit - '0');
  return value;
}

std::optional<packed_stamp> pack_usual(std::string_view text) noexcept {
  if (!has_shape(text))
    return std::nullopt;
  packed_stamp packed = 0;
  for (const auto& each : fields) {
    const auto value = number_at(text, each);
    if (value >= each.range)
      return std::nullopt;
    packed = packed * each.range + value;
  }
  // A text without a fraction comes before all that go on.
  const auto rest = text.size() == short_length ? 0 : number_at(text, fraction) + 1;
  return packed * (fraction.range + 1) + rest;
}

} // namespace

packed_stamp stamp_order::pack(std::string_view text) {
  if (const auto packed = pack_usual(text))
    return *packed;
  texts_.emplace_back(text);
  return unusual | (texts_.size() - 1);
}

std::string stamp_order::unpack(packed_stamp packed) const {
  if ((packed & unusual) != 0)
    return texts_[packed & ~unusual];
  const auto rest = packed % (fraction.range + 1);
  packed /= fraction.range + 1;
  std::string text{shape.substr(0, rest == 0 ? short_length : shape.size())};
  const auto put = [&text](const field& where, packed_stamp value) {
    for (auto i = where.at + where.digits; i-- > where.at; value /= 10)
      text[i] = static_cast<char>('0' + value % 10);
  };
  if (rest != 0)
    put(fraction, rest - 1);
  for (auto each = fields.rbegin(); each != fields.rend(); ++each) {
    put(*each, packed % each->range);
    packed /= each->range;
  }
  return text;
}

} // namespace cortex::context_memory
