/// What the readers of JSON share.
///
/// All functions are *thread-safe*.
#pragma once

#include <cstddef>
#include <string_view>

namespace cortex::text {

/// How far a number reaches.
struct json_number_form {
  std::size_t length = 0; ///< 0: there is none.
  bool is_real = false;   ///< It has a fraction or an exponent.
};

/// The number at the front of a text, in the grammar of RFC 8259 section 6. What follows it is not
/// looked at, so of `1.` and of `1e` it is the `1`, as Python reads it.
[[nodiscard]] inline json_number_form scan_json_number(std::string_view text) noexcept {
  const auto sees
    = [text](std::size_t at, char wanted) { return at < text.size() && text[at] == wanted; };
  const auto skip_digits = [text](std::size_t at) {
    while (at < text.size() && text[at] >= '0' && text[at] <= '9')
      ++at;
    return at;
  };

  const std::size_t begin = sees(0, '-') ? 1 : 0;
  std::size_t end = sees(begin, '0') ? begin + 1 : skip_digits(begin);
  if (end == begin)
    return {};
  json_number_form form;
  if (sees(end, '.')) {
    if (const auto after = skip_digits(end + 1); after > end + 1) {
      end = after;
      form.is_real = true;
    }
  }
  if (sees(end, 'e') || sees(end, 'E')) {
    const std::size_t exponent = sees(end + 1, '+') || sees(end + 1, '-') ? end + 2 : end + 1;
    if (const auto after = skip_digits(exponent); after > exponent) {
      end = after;
      form.is_real = true;
    }
  }
  form.length = end;
  return form;
}

} // namespace cortex::text
