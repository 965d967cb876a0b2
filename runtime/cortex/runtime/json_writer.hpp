/// Writes JSON, member by member.
#pragma once

#include "cortex/runtime/number_text.hpp"
#include "cortex/runtime/utf8.hpp"

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace cortex::detail {

/// Sets commas and escapes; that what is begun is ended is up to the caller. *Not thread-safe*.
class json_writer {
public:
  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  /// The name of the member that comes next.
  json_writer& member(std::string_view name) {
    separate();
    quote(name);
    out_ += ':';
    first_ = true; // no comma before its value
    return *this;
  }

  void value(std::string_view text) {
    separate();
    quote(text);
  }
  void value(const char* text) { value(std::string_view{text}); }
  void value(bool truth) { raw(truth ? "true" : "false"); }
  void value(std::uint64_t number) { raw(number_text(number)); }
  void value(double number) { raw(std::isfinite(number) ? number_text(number) : "null"); }

  [[nodiscard]] std::string text() && { return std::move(out_); }

private:
  void open(char bracket) {
    separate();
    out_ += bracket;
    first_ = true;
  }
  void close(char bracket) {
    out_ += bracket;
    first_ = false;
  }
  void raw(std::string_view text) {
    separate();
    out_ += text;
  }
  void separate() {
    if (!std::exchange(first_, false))
      out_ += ',';
  }
  void quote(std::string_view text) {
    out_ += '"';
    for (const char c : well_formed_utf8(text)) {
      constexpr std::string_view digits = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        out_ += '\\';
        out_ += c;
      } else if (byte < 0x20) {
        out_ += "\\u00";
        out_ += digits[byte >> 4U];
        out_ += digits[byte & 15U];
      } else {
        out_ += c;
      }
    }
    out_ += '"';
  }

  std::string out_;
  bool first_ = true;
};

} // namespace cortex::detail
