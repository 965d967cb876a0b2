#include "cortex/yaml/base64.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace cortex::yaml_detail {
namespace {

constexpr std::string_view letters
  = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t line_bytes = 57; // 76 letters

void append_group(std::string& out, std::string_view bytes) {
  std::uint32_t group = 0;
  for (std::size_t i = 0; i < 3; ++i)
    group = (group << 8U) | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U);
  for (std::size_t i = 0; i < 4; ++i)
    out += i <= bytes.size() ? letters[(group >> (18 - 6 * i)) & 0x3fU] : '=';
}

} // namespace

std::optional<std::string> read_base64(std::string_view text) {
  if (std::any_of(text.begin(), text.end(),
                  [](char each) { return static_cast<unsigned char>(each) >= 0x80; }))
    return std::nullopt;
  std::string out;
  std::uint32_t kept = 0;
  std::size_t place = 0; // in the group of four
  std::size_t pads = 0;  // one behind the other
  for (const char each : text) {
    if (each == '=' && place >= 2 && place + ++pads >= 4)
      return out; // the rest does not count
    const auto value = letters.find(each);
    if (value == std::string_view::npos)
      continue;
    pads = 0;
    kept = (kept << 6U) | static_cast<std::uint32_t>(value);
    if (place > 0)
      out += static_cast<char>(kept >> (6 - 2 * place));
    place = (place + 1) % 4;
  }
  return place == 0 ? std::optional{out} : std::nullopt;
}

std::string base64_lines(std::string_view content) {
  std::string out;
  for (std::size_t begin = 0; begin < content.size(); begin += line_bytes) {
    const auto line = content.substr(begin, line_bytes);
    for (std::size_t i = 0; i < line.size(); i += 3)
      append_group(out, line.substr(i, 3));
    out += '\n';
  }
  return out;
}

} // namespace cortex::yaml_detail
