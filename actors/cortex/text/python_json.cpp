#include "cortex/text/python_json.hpp"

#include "cortex/json.hpp"
#include "cortex/text/json_grammar.hpp"
#include "cortex/text/python_number.hpp"
#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>

namespace cortex::text {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::size_t surrogate_length = 3;
constexpr const char* too_long = "JSON of more than 16 MiB";

/// @pre `unit <= 0xffff`
void append_unicode_escape(std::string& out, std::uint32_t unit) {
  out += "\\u";
  for (unsigned shift = 16; shift > 0; shift -= 4)
    out += hex_digits[(unit >> (shift - 4)) & 0xfU];
}

/// How many characters from `at` on stand for themselves.
std::size_t plain_run(std::string_view text, std::size_t at) noexcept {
  const auto* const begin = text.data() + at;
  const auto* const end = std::find_if(begin, text.data() + text.size(), [](char character) {
    return character < ' ' || character > '~' || character == '"' || character == '\\';
  });
  return static_cast<std::size_t>(end - begin);
}

void append_ascii(std::string& out, char character, bool ensure_ascii) {
  switch (character) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    default: break;
  }
  if (character < ' ' || (character > '~' && ensure_ascii))
    append_unicode_escape(out, static_cast<unsigned char>(character));
  else
    out += character;
}

void append_beyond_ascii(std::string& out, char32_t code_point) {
  if (code_point < 0x10000) {
    append_unicode_escape(out, code_point);
    return;
  }
  const char32_t offset = code_point - 0x10000;
  append_unicode_escape(out, 0xd800 + (offset >> 10U));
  append_unicode_escape(out, 0xdc00 + (offset & 0x3ffU));
}

/// A surrogate in the form that UTF-8 has for code points of three bytes, but refuses for these.
std::optional<std::uint32_t> surrogate_at(std::string_view text, std::size_t at) noexcept {
  const auto bits = [text, at](std::size_t i) -> std::uint32_t {
    return i < text.size() - at ? static_cast<unsigned char>(text[at + i]) : 0U;
  };
  if (bits(0) != 0xedU || (bits(1) & 0xe0U) != 0xa0U || (bits(2) & 0xc0U) != 0x80U)
    return std::nullopt;
  return 0xd000U | ((bits(1) & 0x3fU) << 6U) | (bits(2) & 0x3fU);
}

/// Walks over the characters of a JSON text. Embeddings are read in great numbers when a file is
/// opened, so this one is made for nothing but numbers. Not thread-safe.
class number_scanner {
public:
  explicit number_scanner(std::string_view json) : json_(json) {}

  void skip_space() {
    while (at_ < json_.size() && std::string_view{" \t\n\r"}.find(json_[at_]) != json_.npos)
      ++at_;
  }
  bool take(char wanted) {
    if (!sees(wanted))
      return false;
    ++at_;
    return true;
  }
  [[nodiscard]] bool at_end() const { return at_ == json_.size(); }
  [[nodiscard]] std::size_t position() const { return at_; }

  /// A number in the grammar of RFC 8259 section 6 that a double can hold.
  std::optional<double> take_number() {
    const auto form = scan_json_number(json_.substr(at_));
    if (form.length == 0)
      return std::nullopt;
    const auto spelled = json_.substr(at_, form.length);
    at_ += form.length;
    if (spelled == "0.0") // most of them
      return 0.0;
    double value = 0.0;
    if (std::from_chars(spelled.data(), spelled.data() + spelled.size(), value).ec == std::errc{})
      return value;
    const auto rounded = parse_python_real(spelled); // too large or too small
    return rounded && std::isfinite(*rounded) ? rounded : std::nullopt;
  }

private:
  [[nodiscard]] bool sees(char wanted) const { return at_ < json_.size() && json_[at_] == wanted; }

  std::string_view json_;
  std::size_t at_ = 0;
};

} // namespace

void append_python_json(std::string& out, std::string_view text, bool ensure_ascii) {
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const auto plain = plain_run(text, at);
    out.append(text, at, plain);
    at += plain;
    if (at == text.size())
      break;
    const auto next = decode(text, at);
    if (next.code_point < 0x80) {
      append_ascii(out, text[at], ensure_ascii);
    } else if (next.valid && !ensure_ascii) {
      out.append(text, at, next.length);
    } else if (const auto surrogate = surrogate_at(text, at)) {
      append_unicode_escape(out, *surrogate);
      at += surrogate_length;
      continue;
    } else {
      append_beyond_ascii(out, next.code_point);
    }
    at += next.length;
  }
  out += '"';
}

std::string python_json(std::span<const std::string> texts) {
  constexpr std::size_t quotes_and_comma = 3;
  std::size_t size = 2;
  for (const auto& text : texts)
    size += text.size() + quotes_and_comma;
  std::string out;
  out.reserve(size); // more only if something is escaped
  out += '[';
  for (const auto& text : texts) {
    if (out.size() > 1)
      out += ',';
    append_python_json(out, text);
  }
  out += ']';
  return out;
}

expected<std::vector<std::string>> read_json_texts(std::string_view json) {
  json_limits limits;
  limits.max_bytes = max_json_bytes;
  limits.max_depth = 1;
  limits.max_values = json.size();
  auto read = cortex::json::parse(json, limits);
  if (!read)
    return unexpected{std::move(read).error()};
  if (read->elements() == nullptr)
    return fail(errc::corrupt, "no JSON array of texts");
  std::vector<std::string> texts;
  texts.reserve(read->size());
  for (auto& each : *read->elements()) {
    if (each.text() == nullptr || !valid_utf8(*each.text()))
      return fail(errc::corrupt, "no JSON array of texts in UTF-8");
    texts.push_back(std::move(*each.text()));
  }
  return texts;
}

expected<std::vector<double>> read_json_numbers(std::string_view json) {
  if (json.size() > max_json_bytes)
    return fail(errc::corrupt, too_long);
  number_scanner scanner{json};
  std::vector<double> numbers;
  const auto take_elements = [&] {
    do {
      scanner.skip_space();
      const auto number = scanner.take_number();
      if (!number)
        return false;
      numbers.push_back(*number);
      scanner.skip_space();
    } while (scanner.take(','));
    return scanner.take(']');
  };

  scanner.skip_space();
  bool complete = scanner.take('[');
  scanner.skip_space();
  complete = complete && (scanner.take(']') || take_elements());
  scanner.skip_space();
  if (!complete || !scanner.at_end())
    return fail(errc::corrupt,
                "no JSON array of finite numbers at byte " + std::to_string(scanner.position()));
  return numbers;
}

} // namespace cortex::text
