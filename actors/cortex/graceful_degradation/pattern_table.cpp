#include "cortex/graceful_degradation/pattern_table.hpp"

#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <utility>

namespace cortex::graceful_degradation {
namespace {

// RE2's \b, \s and (?i) are ASCII: what counts beyond it is spelled out.
constexpr std::string_view boundary = R"((?:^|[^\pL\pN_]))";
constexpr std::string_view gap = R"([\x09-\x0d\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a})"
                                 R"(\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]+)";

// -- lines ----------------------------------------------------------------------------------------

std::string_view strip(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == text.npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

struct halves {
  std::string_view left;
  std::string_view right;
};

/// Both without blanks at their ends. Errors: `invalid_argument` if there is no separator.
expected<halves> split(std::string_view text, std::string_view separator) {
  const auto at = text.find(separator);
  if (at == text.npos)
    return fail(errc::invalid_argument, "'" + std::string{separator} + "' is missing");
  return halves{strip(text.substr(0, at)), strip(text.substr(at + separator.size()))};
}

/// @param also what is allowed in it beside letters and digits
expected<std::string> read_term(std::string_view term, std::string_view also) {
  if (term.empty())
    return fail(errc::invalid_argument, "a word is missing");
  for (std::size_t at = 0; at < term.size();) {
    const auto next = text::decode(term, at);
    const auto piece = term.substr(at, next.length);
    if (!next.valid
        || (!text::is_alnum(next.code_point) && also.find(piece) == std::string_view::npos))
      return fail(errc::invalid_argument,
                  "'" + std::string{term} + "': '" + std::string{piece} + "' is not allowed");
    at += next.length;
  }
  return std::string{term};
}

expected<std::vector<std::string>> read_terms(std::string_view list, std::string_view also) {
  std::vector<std::string> terms;
  for (std::size_t at = 0; at <= list.size();) {
    const auto end = std::min(list.find(',', at), list.size());
    auto term = read_term(strip(list.substr(at, end - at)), also);
    if (!term)
      return unexpected{std::move(term).error()};
    terms.push_back(*std::move(term));
    at = end + 1;
  }
  return terms;
}

expected<void> read_objects(std::string_view objects, pattern& out) {
  constexpr std::string_view rest = "<rest>";
  if (!objects.ends_with(rest)) {
    auto targets = read_terms(objects, "+-._? ");
    if (!targets)
      return unexpected{std::move(targets).error()};
    out.targets = *std::move(targets);
    return {};
  }
  objects = strip(objects.substr(0, objects.size() - rest.size()));
  if (objects.empty())
    return {};
  if (!objects.starts_with('[') || !objects.ends_with(']'))
    return fail(errc::invalid_argument, "before <rest> only a word in brackets may stand");
  auto word = read_term(strip(objects.substr(1, objects.size() - 2)), "+-._");
  if (!word)
    return unexpected{std::move(word).error()};
  out.optional_word = *std::move(word);
  return {};
}

expected<pattern> read_pattern(std::string_view line) {
  pattern out;
  auto sides = split(line, " => ");
  if (!sides)
    return unexpected{std::move(sides).error()};
  auto head = split(sides->left, ":");
  if (!head)
    return unexpected{std::move(head).error()};
  if (head->left == to_string(command_type::operation))
    out.type = command_type::operation;
  else if (head->left != to_string(command_type::install))
    return fail(errc::invalid_argument,
                "'" + std::string{head->left} + "' is neither install nor operation");
  auto body = split(head->right, "/");
  if (!body)
    return unexpected{std::move(body).error()};
  auto verbs = read_terms(body->left, "+-._");
  if (!verbs)
    return unexpected{std::move(verbs).error()};
  out.verbs = *std::move(verbs);
  if (auto read = read_objects(body->right, out); !read)
    return unexpected{std::move(read).error()};
  auto makes = command_template::parse(sides->right);
  if (!makes)
    return unexpected{std::move(makes).error()};
  out.makes = *std::move(makes);
  if (out.makes.takes_rest() != out.targets.empty())
    return fail(errc::invalid_argument, "<rest> stands on one side only");
  return out;
}

// -- expressions ----------------------------------------------------------------------------------

/// A character in any case; U+0130 and U+0131 are an i, U+017F an s, U+212A a k.
void append_character(std::string& out, std::string_view piece) {
  if (piece.size() > 1) {
    out.append("(?i:").append(piece).append(")");
    return;
  }
  const char c = text::to_lower(piece).front();
  if (c == ' ')
    out += gap;
  else if (c == '?')
    out += ".?";
  else if (c < 'a' || c > 'z')
    out.append("[").append(c == '-' ? "\\-" : std::string(1, c)).append("]");
  else {
    out += '[';
    out += c;
    out += static_cast<char>(c - 'a' + 'A');
    out += c == 'i' ? R"(\x{130}\x{131})" : c == 's' ? R"(\x{17f})" : c == 'k' ? R"(\x{212a})" : "";
    out += ']';
  }
}

std::string any_of(const std::vector<std::string>& terms) {
  std::string out = "(?:";
  for (const auto& term : terms) {
    if (out.size() > 3)
      out += '|';
    for (std::size_t at = 0; at < term.size();) {
      const auto length = text::decode(term, at).length;
      const auto piece = std::string_view{term}.substr(at, length);
      if (piece != " " || !out.ends_with(gap)) // several blanks are one gap
        append_character(out, piece);
      at += length;
    }
  }
  return out + ")";
}

} // namespace

expected<std::vector<pattern>> parse_patterns(std::string_view text) {
  if (text.size() > max_pattern_file_bytes)
    return fail(errc::invalid_argument, "the table is longer than 256 KiB");
  std::vector<pattern> out;
  std::size_t number = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = strip(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto place = "line " + std::to_string(++number) + ": ";
    if (line.empty() || line.starts_with('#'))
      continue;
    if (line.size() > max_pattern_line_bytes)
      return fail(errc::invalid_argument, place + "longer than 1,024 bytes");
    if (!text::valid_utf8(line))
      return fail(errc::invalid_argument, place + "no valid UTF-8");
    auto one = read_pattern(line);
    if (!one)
      return fail(one.error().code, place + one.error().detail);
    if (out.size() == max_patterns)
      return fail(errc::invalid_argument, place + "more than 256 patterns");
    out.push_back(*std::move(one));
  }
  std::stable_sort(out.begin(), out.end(), [](const pattern& left, const pattern& right) {
    return left.type < right.type;
  });
  return out;
}

std::string expression_of(const pattern& of) {
  std::string out{boundary};
  out.append(any_of(of.verbs)).append(gap);
  if (!of.targets.empty())
    return out + any_of(of.targets);
  if (!of.optional_word.empty())
    out.append("(?:").append(any_of({of.optional_word})).append(gap).append(")?");
  return out + "(.+)"; // up to the next newline
}

} // namespace cortex::graceful_degradation
