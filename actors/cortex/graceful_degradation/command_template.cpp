#include "cortex/graceful_degradation/command_template.hpp"

#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace cortex::graceful_degradation {
namespace {

constexpr std::string_view placeholder = "<rest>";
constexpr std::string_view special = ";&|<>$`\"\\*?(){}[]!#~";

bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t';
}

/// Takes a command apart. Not thread-safe.
class reader {
public:
  explicit reader(std::string_view text) noexcept : text_(text) {}

  expected<std::vector<std::string>> next_program() {
    std::vector<std::string> words;
    for (skip_blanks(); at_ < text_.size() && !at_separator(); skip_blanks()) {
      auto word = next_word();
      if (!word)
        return unexpected{std::move(word).error()};
      words.push_back(*std::move(word));
    }
    if (words.empty() || words.front().empty() || words.front() == placeholder)
      return fail(errc::invalid_argument, "the command lacks a program");
    return words;
  }
  [[nodiscard]] bool at_end() const noexcept { return at_ == text_.size(); }
  /// True if a pipe was skipped, false for `&&`. @pre a program was read, and not `at_end`
  bool skip_separator() noexcept {
    const bool pipe = text_[at_] == '|';
    at_ += pipe ? 1 : 2;
    return pipe;
  }

private:
  [[nodiscard]] bool at_separator() const noexcept {
    const auto left = text_.substr(at_);
    return left.starts_with("&& ") || left.starts_with("| ");
  }
  void skip_blanks() noexcept {
    while (at_ < text_.size() && is_blank(text_[at_]))
      ++at_;
  }
  expected<std::string> next_word() {
    if (text_.substr(at_).starts_with(placeholder)) {
      at_ += placeholder.size();
      if (at_ < text_.size() && !is_blank(text_[at_]))
        return fail(errc::invalid_argument, "<rest> is a word of its own");
      return std::string{placeholder};
    }
    std::string word;
    bool quoted = false;
    for (; at_ < text_.size() && (quoted || !is_blank(text_[at_])); ++at_) {
      const char c = text_[at_];
      if (c == '\'')
        quoted = !quoted;
      else if (!quoted && special.find(c) != special.npos)
        return fail(errc::invalid_argument,
                    std::string{"'"} + c + "' is special to a shell: quote it or leave it out");
      else
        word += c;
    }
    if (quoted)
      return fail(errc::invalid_argument, "a quote is not closed");
    if (word.find(placeholder) != word.npos)
      return fail(errc::invalid_argument, "<rest> is not quoted");
    return word;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

} // namespace

expected<command_template> command_template::parse(std::string_view text) {
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
    return fail(errc::invalid_argument, "the command has control characters");
  command_template out;
  out.made_.text = text;
  std::size_t pipes = 0;
  for (reader parts{text};;) {
    auto program = parts.next_program();
    if (!program)
      return unexpected{std::move(program).error()};
    const auto places = std::count(program->begin(), program->end(), placeholder);
    if (places > 1 || (places == 1 && out.takes_rest_))
      return fail(errc::invalid_argument, "<rest> stands there twice");
    out.takes_rest_ = out.takes_rest_ || places == 1;
    out.made_.steps.push_back(*std::move(program));
    if (parts.at_end())
      break;
    pipes += parts.skip_separator() ? 1 : 0;
  }
  if (pipes != 0 && pipes + 1 != out.made_.steps.size())
    return fail(errc::invalid_argument, "'|' and '&&' do not go together");
  out.made_.piped = pipes != 0;
  out.made_.needs_confirmation = out.made_.piped;
  return out;
}

command command_template::fill(std::string_view rest) const {
  auto made = made_;
  if (!takes_rest_)
    return made;
  made.text.replace(made.text.find(placeholder), placeholder.size(), rest);
  std::vector<std::string> words;
  for (std::size_t at = 0; at < rest.size();) {
    const auto end = std::min(rest.find_first_of(" \t", at), rest.size());
    if (end > at)
      words.emplace_back(rest.substr(at, end - at));
    at = end + 1;
  }
  for (auto& step : made.steps)
    if (const auto place = std::find(step.begin(), step.end(), placeholder); place != step.end()) {
      const auto after = step.erase(place);
      step.insert(after, words.begin(), words.end());
      break;
    }
  return made;
}

bool is_harmless(std::string_view rest) noexcept {
  bool in_word = false;
  bool any = false;
  for (std::size_t at = 0; at < rest.size();) {
    const auto next = text::decode(rest, at);
    at += next.length;
    const bool letter = next.valid && text::is_alnum(next.code_point);
    if (next.code_point == U' ' || next.code_point == U'\t')
      in_word = false;
    else if (letter
             || (in_word && next.code_point < 0x80
                 && std::string_view{"+-._:"}.find(static_cast<char>(next.code_point))
                      != std::string_view::npos))
      in_word = any = true;
    else
      return false;
  }
  return any;
}

} // namespace cortex::graceful_degradation
