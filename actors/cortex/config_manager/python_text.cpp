#include "cortex/config_manager/document.hpp"

#include <array>

namespace cortex::config_manager {
namespace {

// Quoted as Python quotes it; letters beyond ASCII stay.
std::string quoted_text(const std::string& text) {
  const char quote = text.find('\'') != text.npos && text.find('"') == text.npos ? '"' : '\'';
  std::string out(1, quote);
  for (const char each : text) {
    constexpr std::string_view hex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(each);
    if (each == quote || each == '\\')
      (out += '\\') += each;
    else if (each == '\n')
      out += "\\n";
    else if (each == '\t')
      out += "\\t";
    else if (each == '\r')
      out += "\\r";
    else if (byte < 0x20 || byte == 0x7F)
      ((out += "\\x") += hex[byte >> 4U]) += hex[byte & 15U];
    else
      out += each;
  }
  return out += quote;
}

std::string shown(const yaml& what) {
  if (const auto* text = what.text())
    return quoted_text(*text);
  if (const auto* elements = what.elements()) {
    std::string out = "[";
    for (const auto& each : *elements)
      out += (out.size() > 1 ? ", " : "") + shown(each);
    return out + ']';
  }
  if (const auto* members = what.members()) {
    std::string out = "{";
    for (const auto& [key, value] : *members)
      out += (out.size() > 1 ? ", " : "") + shown(key) + ": " + shown(value);
    return out + '}';
  }
  if (what.is_null())
    return "None";
  if (const auto truth = what.as_bool())
    return *truth ? "True" : "False";
  auto digits = what.digits();
  return digits.empty() ? what.source() : digits;
}

} // namespace

std::string python_text(const yaml& what) {
  return what.text() != nullptr ? *what.text() : shown(what);
}

} // namespace cortex::config_manager
