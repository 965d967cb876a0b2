#include "cortex/json.hpp"
#include "cortex/json/members.hpp"
#include "cortex/text/json_grammar.hpp"
#include "cortex/text/python_number.hpp"
#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>

namespace cortex {
namespace {

constexpr std::size_t deepest = 1000; // json_limits::max_depth

bool is_high_surrogate(char32_t unit) noexcept {
  return unit >= 0xd800 && unit <= 0xdbff;
}

bool is_low_surrogate(char32_t unit) noexcept {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/// The code unit in UTF-8's form for three bytes, which UTF-8 itself refuses.
void append_surrogate(std::string& out, char32_t unit) {
  out += static_cast<char>(0xe0U | (unit >> 12U));
  out += static_cast<char>(0x80U | ((unit >> 6U) & 0x3fU));
  out += static_cast<char>(0x80U | (unit & 0x3fU));
}

} // namespace

/// Reads one text by recursive descent, no deeper than the limit. Each function leaves what it read
/// in `out` and is false if it noted a problem. *Not thread-safe*.
class json_reader {
public:
  json_reader(std::string_view text, const json_limits& limits) : text_(text), limits_(limits) {
    limits_.max_depth = std::min(limits_.max_depth, deepest);
  }

  expected<json> read() {
    json out;
    if (text_.size() > limits_.max_bytes)
      return fail(errc::corrupt, "JSON of more than " + std::to_string(limits_.max_bytes)
                                   + " bytes: " + std::to_string(text_.size()));
    skip_space();
    if (!read_value(out))
      return describe();
    skip_space();
    if (at_ < text_.size()) {
      refuse("nothing more was expected");
      return describe();
    }
    return out;
  }

private:
  bool read_value(json& out) {
    if (++values_ > limits_.max_values)
      return refuse("too many values");
    if (at_ == text_.size())
      return refuse("the text ends too early");
    switch (text_[at_]) {
      case '{': return read_object(out);
      case '[': return read_array(out);
      case '"': return read_string(out.data_.emplace<std::string>());
      case 'n': return read_word("null", out, nullptr);
      case 't': return read_word("true", out, true);
      case 'f': return read_word("false", out, false);
      case 'N': return read_word("NaN", out, std::numeric_limits<double>::quiet_NaN());
      case 'I': return read_word("Infinity", out, std::numeric_limits<double>::infinity());
      default: return read_number(out);
    }
  }

  bool read_word(std::string_view word, json& out, json value) {
    if (text_.substr(at_, word.size()) != word)
      return refuse("a value was expected");
    at_ += word.size();
    out = std::move(value);
    return true;
  }

  bool read_number(json& out) {
    constexpr std::string_view negative_infinity = "-Infinity";
    if (text_.substr(at_, negative_infinity.size()) == negative_infinity)
      return read_word(negative_infinity, out, -std::numeric_limits<double>::infinity());
    const auto form = text::scan_json_number(text_.substr(at_));
    if (form.length == 0)
      return refuse("a value was expected");
    const auto spelled = text_.substr(at_, form.length);
    if (form.is_real)
      out = real(spelled);
    else if (spelled.size() - (spelled.front() == '-' ? 1 : 0) > limits_.max_digits)
      return refuse("an integer has too many digits");
    else
      out = *json::integer(spelled);
    at_ += form.length;
    return true;
  }

  static double real(std::string_view spelled) {
    double value = 0.0;
    if (std::from_chars(spelled.data(), spelled.data() + spelled.size(), value).ec == std::errc{})
      return value;
    return text::parse_python_real(spelled).value_or(0.0); // too large or too small
  }

  bool read_array(json& out) {
    if (!enter())
      return false;
    auto& elements = out.data_.emplace<json::array_type>();
    skip_space();
    while (!take(']')) {
      if (!elements.empty() && !take_comma("',' or ']' was expected"))
        return false;
      if (!read_value(elements.emplace_back()))
        return false;
      skip_space();
    }
    --depth_;
    return true;
  }

  bool read_object(json& out) {
    if (!enter())
      return false;
    auto& members = out.data_.emplace<json::object_type>();
    skip_space();
    while (!take('}')) {
      if (!members.empty() && !take_comma("',' or '}' was expected"))
        return false;
      if (!read_member(members.emplace_back()))
        return false;
      skip_space();
    }
    merge_repeated_keys(members);
    --depth_;
    return true;
  }

  bool read_member(json_member& out) {
    if (!sees('"'))
      return refuse("a key in quotes was expected");
    if (!read_string(out.key))
      return false;
    skip_space();
    if (!take(':'))
      return refuse("':' was expected");
    skip_space();
    return read_value(out.value);
  }

  bool read_string(std::string& out) {
    ++at_;
    while (true) {
      const std::size_t begin = at_;
      if (!skip_plain())
        return false;
      out.append(text_, begin, at_ - begin);
      if (take('"'))
        return true;
      if (!read_escape(out))
        return false;
    }
  }

  /// Moves to the next quote or backslash.
  bool skip_plain() {
    while (at_ < text_.size()) {
      const auto byte = static_cast<unsigned char>(text_[at_]);
      if (byte == '"' || byte == '\\')
        return true;
      if (byte < 0x20)
        return refuse("a control character in a text");
      if (byte < 0x80) {
        ++at_;
        continue;
      }
      const auto next = text::decode(text_, at_);
      if (!next.valid)
        return refuse("a byte that is no UTF-8");
      at_ += next.length;
    }
    return refuse("a text does not end");
  }

  bool read_escape(std::string& out) {
    constexpr std::string_view letters = "\"\\/bfnrt";
    constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
    const char letter = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (letter == 'u')
      return read_unit(out);
    const auto found = letters.find(letter);
    if (letter == '\0' || found == std::string_view::npos)
      return refuse("no such escape");
    out += meanings[found];
    at_ += 2;
    return true;
  }

  /// `\uxxxx`, or two of them that make a pair.
  bool read_unit(std::string& out) {
    const auto unit = unit_at(at_);
    if (!unit)
      return refuse("no such escape");
    at_ += unit_length;
    if (is_high_surrogate(*unit)) {
      const auto second = unit_at(at_);
      if (second && is_low_surrogate(*second)) {
        at_ += unit_length;
        text::append_utf8(out, 0x10000 + ((*unit & 0x3ffU) << 10U) + (*second & 0x3ffU));
        return true;
      }
    }
    if (is_high_surrogate(*unit) || is_low_surrogate(*unit))
      append_surrogate(out, *unit);
    else
      text::append_utf8(out, *unit);
    return true;
  }

  [[nodiscard]] std::optional<char32_t> unit_at(std::size_t at) const {
    const auto spelled = text_.substr(std::min(at, text_.size()), unit_length);
    if (spelled.size() != unit_length || spelled.substr(0, 2) != "\\u" || spelled[2] == '-')
      return std::nullopt;
    std::uint16_t unit = 0;
    const auto end = spelled.data() + spelled.size();
    const auto result = std::from_chars(spelled.data() + 2, end, unit, 16);
    if (result.ec != std::errc{} || result.ptr != end)
      return std::nullopt;
    return unit;
  }

  bool enter() {
    ++at_;
    return ++depth_ <= limits_.max_depth || refuse("nested too deeply");
  }
  bool take_comma(const char* otherwise) {
    if (!take(','))
      return refuse(otherwise);
    skip_space();
    return true;
  }
  bool take(char wanted) {
    if (!sees(wanted))
      return false;
    ++at_;
    return true;
  }
  [[nodiscard]] bool sees(char wanted) const { return at_ < text_.size() && text_[at_] == wanted; }
  void skip_space() {
    while (at_ < text_.size()
           && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
      ++at_;
  }
  bool refuse(const char* problem) {
    problem_ = problem;
    return false;
  }
  [[nodiscard]] unexpected describe() const {
    return fail(errc::corrupt,
                "no valid JSON at byte " + std::to_string(at_) + ": " + std::string{problem_});
  }

  static constexpr std::size_t unit_length = 6; // \uxxxx

  std::string_view text_;
  json_limits limits_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::size_t values_ = 0;
  const char* problem_ = "";
};

expected<json> json::parse(std::string_view text, const json_limits& limits) {
  return json_reader{text, limits}.read();
}

} // namespace cortex
