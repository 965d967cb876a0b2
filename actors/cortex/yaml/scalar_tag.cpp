#include "cortex/yaml/scalar_tag.hpp"

#include "cortex/yaml/timestamp.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace cortex::yaml_detail {
namespace {

/// Takes a text apart from its front.
class cursor {
public:
  explicit cursor(std::string_view text) noexcept : rest_(text) {}

  bool done() const noexcept { return rest_.empty(); }
  bool sees(std::string_view set) const noexcept {
    return !done() && set.find(rest_.front()) != std::string_view::npos;
  }
  bool take(std::string_view set) noexcept {
    if (!sees(set))
      return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::size_t take_all(std::string_view set) noexcept {
    const auto end = std::min(rest_.find_first_not_of(set), rest_.size());
    rest_.remove_prefix(end);
    return end;
  }
  /// `:30`, minutes or seconds, as often as they come; false if there are none or others follow.
  bool take_sixtieths() noexcept {
    bool any = false;
    while (take(":")) {
      any = true;
      const bool tens = sees("012345");
      if (!take(digits))
        return false;
      if (tens)
        take(digits);
    }
    return any;
  }

  static constexpr std::string_view digits = "0123456789";

private:
  std::string_view rest_;
};

constexpr std::string_view digits_and_lines = "0123456789_";

bool is_null(std::string_view text) noexcept {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

bool is_boolean(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 18> words{
    "yes",   "Yes",   "YES",   "no", "No", "NO", "true", "True", "TRUE",
    "false", "False", "FALSE", "on", "On", "ON", "off",  "Off",  "OFF"};
  return std::find(words.begin(), words.end(), text) != words.end();
}

/// Octal, binary and hexadecimal, behind the first 0.
bool is_based_integer(cursor at) noexcept {
  if (at.done())
    return true;
  if (at.take("b"))
    return at.take_all("01_") > 0 && at.done();
  if (at.take("x"))
    return at.take_all("0123456789abcdefABCDEF_") > 0 && at.done();
  return at.take_all("01234567_") > 0 && at.done();
}

bool is_integer(std::string_view text) noexcept {
  cursor at{text};
  at.take("+-");
  if (at.take("0"))
    return is_based_integer(at);
  if (!at.take("123456789"))
    return false;
  at.take_all(digits_and_lines);
  return at.done() || (at.take_sixtieths() && at.done());
}

/// Nothing more, or an exponent, which needs its sign.
bool ends_real(cursor at) noexcept {
  if (at.done())
    return true;
  return at.take("eE") && at.take("+-") && at.take_all(cursor::digits) > 0 && at.done();
}

bool is_special_real(std::string_view text) noexcept {
  if (text == ".nan" || text == ".NaN" || text == ".NAN")
    return true;
  if (!text.empty() && (text.front() == '+' || text.front() == '-'))
    text.remove_prefix(1);
  return text == ".inf" || text == ".Inf" || text == ".INF";
}

bool is_real(std::string_view text) noexcept {
  if (is_special_real(text))
    return true;
  cursor at{text};
  if (at.take(".")) { // without a sign
    if (!at.take(cursor::digits))
      return false;
    at.take_all(digits_and_lines);
    return ends_real(at);
  }
  at.take("+-");
  if (!at.take(cursor::digits))
    return false;
  at.take_all(digits_and_lines);
  if (at.sees(":"))
    return at.take_sixtieths() && at.take(".") && (at.take_all(digits_and_lines), at.done());
  if (!at.take("."))
    return false;
  at.take_all(digits_and_lines);
  return ends_real(at);
}

} // namespace

tag implicit_tag(std::string_view text) noexcept {
  if (is_null(text))
    return tag::null;
  const char first = text.front();
  if ((first >= '0' && first <= '9') || first == '+' || first == '-' || first == '.') {
    if (is_real(text))
      return tag::real;
    if (is_integer(text))
      return tag::integer;
    return is_plain_timestamp(text) ? tag::timestamp : tag::string;
  }
  if (is_boolean(text))
    return tag::boolean;
  if (text == "!" || text == "&" || text == "*")
    return tag::foreign; // reserved
  if (text == "<<")
    return tag::merge;
  return text == "=" ? tag::value : tag::string;
}

tag named_tag(std::string_view name) noexcept {
  constexpr std::string_view prefix = "tag:yaml.org,2002:";
  constexpr std::array<std::pair<std::string_view, tag>, 14> names{{{"null", tag::null},
                                                                    {"bool", tag::boolean},
                                                                    {"int", tag::integer},
                                                                    {"float", tag::real},
                                                                    {"str", tag::string},
                                                                    {"timestamp", tag::timestamp},
                                                                    {"binary", tag::binary},
                                                                    {"merge", tag::merge},
                                                                    {"value", tag::value},
                                                                    {"seq", tag::sequence},
                                                                    {"map", tag::mapping},
                                                                    {"set", tag::set},
                                                                    {"omap", tag::ordered_map},
                                                                    {"pairs", tag::pairs}}};
  if (name.substr(0, prefix.size()) != prefix)
    return tag::foreign;
  for (const auto& [known, meaning] : names)
    if (known == name.substr(prefix.size()))
      return meaning;
  return tag::foreign;
}

} // namespace cortex::yaml_detail
