#include "cortex/text/python_json.hpp"

#include "cortex/text/python_number.hpp"
#include "cortex/text/unicode.hpp"

#include <nlohmann/json.hpp>

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

void append_ascii(std::string& out, char character) {
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
  if (character < ' ' || character > '~')
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

/// Receives what nlohmann-json's parser sees and keeps the strings of one flat array. No tree is
/// built: the first thing that does not belong there ends the parse. Not thread-safe.
class flat_text_reader {
public:
  std::vector<std::string> texts;
  std::string problem;

  bool null() { return refuse(); }
  bool boolean(bool) { return refuse(); }
  bool number_integer(std::int64_t) { return refuse(); }
  bool number_unsigned(std::uint64_t) { return refuse(); }
  bool number_float(double, const std::string&) { return refuse(); }
  bool string(std::string& text) {
    if (!inside_)
      return refuse();
    texts.push_back(std::move(text));
    return true;
  }
  bool binary(nlohmann::json::binary_t&) { return refuse(); }
  bool start_object(std::size_t) { return refuse(); }
  bool key(std::string&) { return refuse(); }
  bool end_object() { return refuse(); }
  bool start_array(std::size_t) { return std::exchange(inside_, true) ? refuse() : true; }
  bool end_array() { return true; }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
    problem = "no valid JSON at byte " + std::to_string(position);
    return false;
  }

private:
  bool refuse() {
    problem = "no flat JSON array of strings";
    return false;
  }

  bool inside_ = false;
};

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
    const std::size_t begin = at_;
    if (!skip_number())
      return std::nullopt;
    const auto spelled = json_.substr(begin, at_ - begin);
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
  bool skip_digits() {
    const std::size_t begin = at_;
    while (at_ < json_.size() && json_[at_] >= '0' && json_[at_] <= '9')
      ++at_;
    return at_ > begin;
  }
  bool skip_number() {
    take('-');
    if (!take('0') && !skip_digits())
      return false;
    if (take('.') && !skip_digits())
      return false;
    if (!take('e') && !take('E'))
      return true;
    if (!take('+'))
      take('-');
    return skip_digits();
  }

  std::string_view json_;
  std::size_t at_ = 0;
};

} // namespace

void append_python_json(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const auto plain = plain_run(text, at);
    out.append(text, at, plain);
    at += plain;
    if (at == text.size())
      break;
    const auto next = decode(text, at);
    if (next.code_point < 0x80)
      append_ascii(out, text[at]);
    else
      append_beyond_ascii(out, next.code_point);
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
  if (json.size() > max_json_bytes)
    return fail(errc::corrupt, too_long);
  flat_text_reader reader;
  if (!nlohmann::json::sax_parse(json.begin(), json.end(), &reader))
    return fail(errc::corrupt, std::move(reader.problem));
  return std::move(reader.texts);
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
