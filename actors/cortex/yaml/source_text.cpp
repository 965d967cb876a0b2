#include "cortex/yaml/source_text.hpp"

#include "cortex/text/unicode.hpp"

#include <utility>

namespace cortex::yaml_detail {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
// The parser looks each one up among the others; texts have one or two.
constexpr std::size_t most_directives = 64;

bool is_break(char32_t code_point) noexcept {
  return code_point == '\n' || code_point == '\r' || code_point == 0x85 || code_point == 0x2028
         || code_point == 0x2029;
}

bool is_printable(char32_t code_point) noexcept {
  return code_point == '\t' || code_point == '\n' || code_point == '\r' || code_point == 0x85
         || (code_point >= 0x20 && code_point <= 0x7e)
         || (code_point >= 0xa0 && code_point != 0xfffe && code_point != 0xffff);
}

/// Moves a place over one code point.
void advance(yaml_mark& mark, std::string_view text, std::size_t next,
             char32_t code_point) noexcept {
  if (is_break(code_point) && !(code_point == '\r' && text.substr(next, 1) == "\n")) {
    ++mark.line;
    mark.column = 1;
  } else {
    ++mark.column;
  }
}

std::string hexadecimal(char32_t number) {
  std::string out;
  for (int shift = 20; shift >= 0; shift -= 4)
    if (const auto digit = (number >> static_cast<unsigned>(shift)) & 0xfU;
        digit != 0 || !out.empty() || shift < 16)
      out += "0123456789ABCDEF"[digit];
  return out;
}

expected<void> check_characters(std::string_view text) {
  constexpr std::string_view tag_directive = "%TAG";
  yaml_mark mark{1, 1};
  std::size_t directives = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (mark.column == 1 && text.substr(at, tag_directive.size()) == tag_directive
        && ++directives > most_directives)
      return refuse(mark, "too many directives");
    const auto next = text::decode(text, at);
    if (!next.valid)
      return refuse(mark, "a byte that is no UTF-8");
    if (!is_printable(next.code_point))
      return refuse(mark, "the character U+" + hexadecimal(next.code_point)
                            + " is not allowed unless it is escaped");
    if (next.code_point == 0xfeff && mark.column == 1)
      return refuse(mark, "a byte order mark inside the text");
    at += next.length;
    advance(mark, text, at, next.code_point);
  }
  return {};
}

} // namespace

unexpected refuse(yaml_mark mark, const std::string& problem) {
  return fail(errc::corrupt, "line " + std::to_string(mark.line) + ", column "
                               + std::to_string(mark.column) + ": " + problem);
}

std::string shown(std::string_view name) {
  constexpr std::size_t most = 64;
  std::string out;
  std::size_t count = 0;
  for (std::size_t at = 0; at < name.size(); ++count) {
    if (count == most)
      return out + "…";
    const auto next = text::decode(name, at);
    const bool stays = is_printable(next.code_point) && !is_break(next.code_point)
                       && next.code_point != '\t';
    text::append_utf8(out, stays ? next.code_point : text::replacement_character);
    at += next.length;
  }
  return out;
}

yaml_mark end_of(std::string_view text) noexcept {
  yaml_mark mark{1, 1};
  for (std::size_t at = 0; at < text.size();) {
    const auto next = text::decode(text, at);
    at += next.length;
    advance(mark, text, at, next.code_point);
  }
  return mark;
}

expected<std::string_view> checked_text(std::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes)
    return refuse({1, 1}, "a text of " + std::to_string(text.size()) + " bytes, more than "
                            + std::to_string(max_bytes));
  if (text.substr(0, byte_order_mark.size()) == byte_order_mark)
    text.remove_prefix(byte_order_mark.size());
  if (auto checked = check_characters(text); !checked)
    return fail(std::move(checked).error());
  return text;
}

void tab_check::step() noexcept {
  const auto next = text::decode(text_, byte_);
  byte_ += next.length;
  ++index_;
  if (is_break(next.code_point))
    in_comment_ = false;
  advance(mark_, text_, byte_, next.code_point);
}

unexpected tab_check::found_tab() const {
  return refuse(mark_, "a tab outside of quotes");
}

expected<void> tab_check::between(std::size_t end) {
  while (index_ < end && byte_ < text_.size()) {
    const char next = text_[byte_];
    if (next == '#')
      in_comment_ = true;
    if (next == '\t' && !in_comment_)
      return found_tab();
    step();
  }
  return {};
}

/// The rest of the line with `|` or `>`: a comment needs a blank before it.
expected<void> tab_check::block_header() {
  bool blank = false;
  while (byte_ < text_.size() && !in_comment_) {
    const char next = text_[byte_];
    if (next == '\t')
      return found_tab();
    if (next == '#' && !blank)
      return refuse(mark_, "a comment without a blank before it");
    if (is_break(text::decode(text_, byte_).code_point))
      break;
    in_comment_ = next == '#';
    blank = next == ' ';
    step();
  }
  return {};
}

/// Tags and anchors, and what stands between them and the scalar.
expected<void> tab_check::properties(std::size_t end) {
  while (sees_before(end, "!&")) {
    const bool is_tag = text_[byte_] == '!';
    while (index_ < end && !sees_before(end, " \t\r\n#"))
      step();
    if (is_tag && text_.substr(byte_, 1) == ",")
      return refuse(mark_, "a comma directly behind a tag");
    while (index_ < end && (in_comment_ || sees_before(end, " \t\r\n#")))
      if (auto checked = between(index_ + 1); !checked)
        return checked;
  }
  return {};
}

bool tab_check::sees_before(std::size_t end, std::string_view set) const noexcept {
  return index_ < end && byte_ < text_.size() && set.find(text_[byte_]) != std::string_view::npos;
}

expected<void> tab_check::scalar(std::size_t begin, std::size_t end, bool quoted, bool block) {
  if (auto checked = between(begin); !checked)
    return checked;
  in_comment_ = false;
  if (auto checked = properties(end); !checked)
    return checked;
  if (block)
    if (auto checked = block_header(); !checked)
      return checked;
  while (index_ < end && byte_ < text_.size()) {
    if (!quoted && !block && text_[byte_] == '\t')
      return found_tab();
    step();
  }
  in_comment_ = false;
  return {};
}

expected<void> tab_check::finish() {
  return between(std::string_view::npos);
}

} // namespace cortex::yaml_detail
