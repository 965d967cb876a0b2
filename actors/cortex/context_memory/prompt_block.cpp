#include "cortex/context_memory/prompt_block.hpp"

#include "cortex/text/unicode.hpp"

#include <string_view>

namespace cortex::context_memory {
namespace {

constexpr std::size_t longest_text = 200; // code points
constexpr std::string_view ellipsis = "\u2026";

/// The text in one line: runs of white space and of control characters become one blank.
std::string one_line(std::string_view text) {
  std::string out;
  std::size_t length = 0;
  bool blank = false;
  for (std::size_t at = 0; at < text.size();) {
    const auto next = text::decode(text, at);
    at += next.length;
    const bool separates = !next.valid || text::is_space(next.code_point) || next.code_point < ' '
                           || (next.code_point >= 0x7f && next.code_point < 0xa0);
    if (separates) {
      blank = !out.empty();
      continue;
    }
    if (length + (blank ? 1 : 0) >= longest_text)
      return out.append(ellipsis);
    if (blank)
      out += ' ';
    length += blank ? 2 : 1;
    blank = false;
    text::append_utf8(out, next.code_point);
  }
  return out;
}

/// Takes lines as long as there is room for them.
class budget {
public:
  explicit budget(std::size_t bytes) : left_(bytes) {}

  void begin(std::string_view heading) { heading_ = heading; }
  void add(const std::string& line) {
    const auto needed = heading_.size() + line.size() + 3; // "- ", a line feed
    if (needed > left_)
      return;
    left_ -= needed;
    text_.append(heading_).append("- ").append(line).append("\n");
    heading_ = {};
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

private:
  std::size_t left_;
  std::string text_;
  std::string_view heading_; // not written yet
};

std::string line_of(const entry& each) {
  auto line = one_line(each.timestamp).substr(0, 10) + " " + one_line(each.category) + ": ";
  if (!each.context.empty())
    line += one_line(each.context) + " -> ";
  line += one_line(each.action) + (each.success ? " (worked" : " (failed");
  if (!each.result.empty())
    line += ": " + one_line(each.result);
  return line + ")";
}

} // namespace

expected<void> validate(const context_block& wanted) {
  if (wanted.max_tokens < 1 || wanted.max_tokens > 1'000'000)
    return fail(errc::invalid_argument, "max_tokens: 1 to 1,000,000");
  if (wanted.bytes_per_token < 1 || wanted.bytes_per_token > 16)
    return fail(errc::invalid_argument, "bytes_per_token: 1 to 16");
  return {};
}

block build_block(const block_material& from, const context_block& wanted) {
  budget lines{wanted.max_tokens * wanted.bytes_per_token};
  lines.begin("Preferences:\n");
  for (const auto& each : from.preferences)
    lines.add(one_line(each.key) + ": " + one_line(each.value.dump({.ensure_ascii = false})));
  lines.begin("Similar before:\n");
  for (const auto& each : from.similar)
    lines.add(line_of(each));
  lines.begin("Done again and again:\n");
  for (const auto& each : from.patterns)
    lines.add(one_line(each.description) + " (" + one_line(each.pattern_type) + ", "
              + std::to_string(each.frequency) + " times)");
  block out{lines.take(), 0};
  out.tokens = (out.text.size() + wanted.bytes_per_token - 1) / wanted.bytes_per_token;
  return out;
}

} // namespace cortex::context_memory
