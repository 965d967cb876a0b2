#include "cortex/semantic_cache/guard.hpp"

#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace cortex::semantic_cache {
namespace {

constexpr bool is_digit(char byte) noexcept {
  return byte >= '0' && byte <= '9';
}
constexpr bool is_letter(char byte) noexcept {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}
/// Bytes beyond ASCII count as part of a word, so that a name is not found inside another one.
constexpr bool in_word(char byte) noexcept {
  return is_digit(byte) || is_letter(byte) || (static_cast<unsigned char>(byte) & 0x80U) != 0;
}

/// Writes typographic apostrophes and hyphens, and the digits of other scripts, as ASCII does.
std::string plain(std::string_view text) {
  static constexpr auto zeros = std::to_array<char32_t>( // each begins a run of ten digits
    {0x0660, 0x06f0, 0x0966, 0x09e6, 0x0e50, 0xff10});
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto next = text::decode(text, at);
    const auto code_point = next.code_point;
    const auto* zero = std::ranges::find_if(
      zeros, [&](char32_t first) { return code_point >= first && code_point < first + 10; });
    if (zero != zeros.end())
      out += static_cast<char>('0' + static_cast<int>(code_point - *zero));
    else if (code_point == 0x2019 || code_point == 0x2018)
      out += '\'';
    else if (code_point == 0x2010 || code_point == 0x2011 || code_point == 0x2212)
      out += '-';
    else
      out += text.substr(at, next.length);
    at += next.length;
  }
  return out;
}

/// Punctuation around a word, without what begins a path, a flag or a number.
bool encloses(char32_t code_point, bool in_front) noexcept {
  static constexpr std::u32string_view around
    = U"()[]{}<>,;:!?\"'`\u201c\u201d\u201e\u00ab\u00bb\u2026";
  return around.find(code_point) != std::u32string_view::npos || (!in_front && code_point == '.');
}

std::string_view without_punctuation(std::string_view token) noexcept {
  while (!token.empty()) {
    const auto first = text::decode(token, 0);
    if (!encloses(first.code_point, true))
      break;
    token.remove_prefix(first.length);
  }
  while (!token.empty() && token != ".." && !token.ends_with("/..")) {
    std::size_t last = token.size() - 1;
    while (last > 0 && (static_cast<unsigned char>(token[last]) & 0xc0U) == 0x80U)
      --last;
    if (!encloses(text::decode(token, last).code_point, false))
      break;
    token.remove_suffix(token.size() - last);
  }
  return token;
}

bool is_flag(std::string_view token) noexcept {
  const auto name = token.find_first_not_of('-');
  return (name == 1 || name == 2) && is_letter(token[name]);
}

bool is_path(std::string_view token) noexcept {
  return token == ".." || token.starts_with('~')
         || (token.size() > 1 && token.find_first_of("/\\") != std::string_view::npos);
}

/// `notes.txt`, `example.com`; not `e.g`, and not the dot of one sentence run into the next.
bool is_dotted_name(std::string_view token) noexcept {
  std::size_t longest = 0;
  for (std::size_t begin = 0; begin <= token.size();) {
    const auto end = std::min(token.find('.', begin), token.size());
    if (end == begin && begin != 0)
      return false;
    longest = std::max(longest, end - begin);
    begin = end + 1;
  }
  return token.find('.') != std::string_view::npos && longest > 1;
}

/// `v2` is `2`, `1,000` is `1000`, `10gigabytes` is `10gb`. @pre lower case, has a digit
std::string number_of(std::string_view token) {
  if (token.size() > 1 && token.front() == 'v' && is_digit(token[1]))
    token.remove_prefix(1);
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const bool groups = (token[i] == ',' || token[i] == '_') && i > 0 && is_digit(token[i - 1])
                        && i + 3 < token.size() && is_digit(token[i + 1]);
    if (!groups)
      out += token[i];
  }
  const auto end = out.find_first_not_of("+-.0123456789");
  if (end == 0 || end == std::string::npos)
    return out;
  const auto unit = unit_of(std::string_view{out}.substr(end));
  return unit.empty() ? out : out.substr(0, end) + std::string{unit};
}

bool is_pure_number(std::string_view number) noexcept {
  return number.find_first_not_of("+-.0123456789") == std::string_view::npos;
}

/// What closes a quotation that this opens; 0 if it opens none.
char32_t closing(char32_t opening) noexcept {
  switch (opening) {
    case '"':
    case '\'':
    case '`': return opening;
    case 0x201c: return 0x201d;
    case 0x201e: return 0x201c;
    case 0x2018: return 0x2019;
    case 0x00ab: return 0x00bb;
    default: return 0;
  }
}

/// The end of the quotation whose content begins at `at`, or npos. A mark inside of a word, as in
/// `don't`, ends none.
std::size_t end_of_quotation(std::string_view prompt, std::size_t at, char32_t mark) noexcept {
  while (at < prompt.size()) {
    const auto next = text::decode(prompt, at);
    const auto after = at + next.length;
    if (next.code_point == mark && (after == prompt.size() || !in_word(prompt[after])))
      return at;
    at = after;
  }
  return std::string_view::npos;
}

std::vector<std::string_view> quotations(std::string_view prompt) {
  std::vector<std::string_view> found;
  for (std::size_t at = 0; at < prompt.size();) {
    const auto mark = text::decode(prompt, at);
    const auto begin = at + mark.length;
    const bool opens = closing(mark.code_point) != 0 && (at == 0 || !in_word(prompt[at - 1]));
    at = begin;
    if (!opens)
      continue;
    const auto end = end_of_quotation(prompt, begin, closing(mark.code_point));
    if (end == std::string_view::npos)
      continue;
    if (const auto name = text::trim(prompt.substr(begin, end - begin)); !name.empty())
      found.push_back(name);
    at = end + text::decode(prompt, end).length;
  }
  return found;
}

bool stands_in(std::string_view name, std::string_view prompt) noexcept {
  for (auto at = prompt.find(name); at != std::string_view::npos; at = prompt.find(name, at + 1)) {
    const auto end = at + name.size();
    if ((at == 0 || !in_word(prompt[at - 1])) && (end == prompt.size() || !in_word(prompt[end])))
      return true;
  }
  return false;
}

std::string join(const std::vector<std::string>& texts) {
  std::string out;
  for (const auto& each : texts)
    out += (out.empty() ? "'" : ", '") + each + "'";
  return out.empty() ? "none" : out;
}

std::optional<std::string> compare(std::string_view what, const std::vector<std::string>& asked,
                                   const std::vector<std::string>& remembered) {
  if (asked == remembered)
    return std::nullopt;
  return std::string{what} + ": asked " + join(asked) + ", remembered " + join(remembered);
}

} // namespace

/// Goes through a prompt token by token.
class decisive_word_reader {
public:
  explicit decisive_word_reader(decisive_words& out) : out_(out) {}

  void take(std::string_view token) {
    if (is_flag(token)) {
      end_negation(token);
      out_.flags_.emplace_back(token);
    } else if (is_path(token)) {
      end_negation(token);
      while (token.size() > 1 && token.ends_with('/'))
        token.remove_suffix(1);
      out_.paths_.emplace_back(token);
    } else if (std::ranges::any_of(token, is_digit)) {
      const auto lowered = text::to_lower(token);
      end_negation(lowered);
      take_number(number_of(lowered));
      return;
    } else if (is_dotted_name(token)) {
      const auto lowered = text::to_lower(token);
      end_negation(lowered);
      out_.paths_.push_back(lowered);
    } else {
      take_words(text::to_lower(token));
      return;
    }
    number_waits_ = false;
  }

  void finish() {
    end_negation("");
    std::ranges::sort(out_.flags_);
    std::ranges::sort(out_.negated_);
    std::ranges::sort(out_.words_);
    out_.words_.erase(std::unique(out_.words_.begin(), out_.words_.end()), out_.words_.end());
  }

private:
  void take_words(std::string_view token) {
    for (std::size_t begin = 0; begin < token.size();) {
      std::size_t end = begin;
      while (end < token.size()
             && (in_word(token[end]) || token[end] == '-' || token[end] == '_' || token[end] == '\''
                 || token[end] == '%'))
        ++end;
      if (end > begin)
        take_word(token.substr(begin, end - begin));
      begin = end + 1;
    }
  }

  void take_word(std::string_view word) {
    const auto unit = unit_of(word);
    const bool one = std::exchange(one_waits_, word == "one");
    if (!unit.empty() && (number_waits_ || one)) {
      if (!number_waits_)
        out_.numbers_.emplace_back("1");
      out_.numbers_.back() += unit;
      number_waits_ = false;
      return;
    }
    number_waits_ = false;
    if (is_negation(word)) {
      end_negation("");
      negates_ = true;
      return;
    }
    if (!is_filler(word))
      end_negation(word);
    if (const auto digits = digits_of(word); !digits.empty())
      take_number(std::string{digits});
    else
      take_side(word);
  }

  void take_number(std::string number) {
    number_waits_ = is_pure_number(number);
    one_waits_ = false;
    out_.numbers_.push_back(std::move(number));
  }

  /// `log in` and `sign out` are one word each.
  void take_side(std::string_view word) {
    std::string whole{word};
    if ((last_ == "log" || last_ == "sign")
        && (word == "in" || word == "on" || word == "out" || word == "off"))
      whole = last_ + whole;
    for (const auto& on : sides_of(whole))
      out_.sides_.push_back({on, whole});
    out_.words_.emplace_back(word);
    last_ = word;
  }

  void end_negation(std::string_view word) {
    if (std::exchange(negates_, false))
      out_.negated_.push_back(std::string{word.empty() ? "not" : "not "} + std::string{word});
  }

  decisive_words& out_;
  bool number_waits_ = false; // for its unit
  bool one_waits_ = false;
  bool negates_ = false; // the next word
  std::string last_;
};

decisive_words::decisive_words(std::string_view prompt)
  : prompt_(prompt), quoted_(quotations(prompt)) {
  decisive_word_reader reader{*this};
  const auto text = plain(prompt);
  const std::string_view all = text;
  std::size_t begin = 0;
  for (std::size_t at = 0; at <= all.size();) {
    const auto next = at < all.size() ? text::decode(all, at) : text::decoded{' ', 1, true};
    if (text::is_space(next.code_point)) {
      if (const auto token = without_punctuation(all.substr(begin, at - begin)); !token.empty())
        reader.take(token);
      begin = at + next.length;
    }
    at += next.length;
  }
  reader.finish();
}

std::optional<std::string> decisive_words::differs_from(const decisive_words& remembered) const {
  if (auto found = compare("number", numbers_, remembered.numbers_))
    return found;
  if (auto found = compare("path", paths_, remembered.paths_))
    return found;
  if (auto found = compare("flag", flags_, remembered.flags_))
    return found;
  if (auto found = compare("negation", negated_, remembered.negated_))
    return found;
  if (auto found = misses_quoted(remembered))
    return "name: asked " + *found + ", not remembered";
  if (auto found = remembered.misses_quoted(*this))
    return "name: remembered " + *found + ", not asked";
  if (auto found = opposes(remembered))
    return found;
  if (auto found = reverses(remembered))
    return "opposite: asked '" + *found + "', remembered its opposite";
  if (auto found = remembered.reverses(*this))
    return "opposite: remembered '" + *found + "', asked its opposite";
  return std::nullopt;
}

std::optional<std::string> decisive_words::misses_quoted(const decisive_words& other) const {
  for (const auto name : quoted_)
    if (!std::ranges::count(other.quoted_, name) && !stands_in(name, other.prompt_))
      return "'" + std::string{name} + "'";
  // The same names the other way round: `rename 'a' to 'b'`.
  if (quoted_ != other.quoted_ && std::ranges::is_permutation(quoted_, other.quoted_))
    return "'" + std::string{quoted_.front()} + "' first";
  return std::nullopt;
}

std::optional<std::string> decisive_words::opposes(const decisive_words& other) const {
  const auto has = [](const decisive_words& words, side on) {
    return std::ranges::any_of(words.sides_, [&](const sided_word& each) { return each.on == on; });
  };
  const auto conflict
    = [&](const decisive_words& left, const decisive_words& right, const sided_word& word) {
        const side across{word.on.pair, static_cast<std::uint8_t>(1 - word.on.right)};
        const bool tells = word.on.right == 1 || !opposites()[word.on.pair].weak;
        return tells && has(left, word.on) && !has(right, word.on) && has(right, across);
      };
  for (const auto& word : sides_)
    if (conflict(*this, other, word))
      return "opposite: asked '" + word.word + "', remembered its opposite";
  for (const auto& word : other.sides_)
    if (conflict(other, *this, word))
      return "opposite: remembered '" + word.word + "', asked its opposite";
  return std::nullopt;
}

std::optional<std::string> decisive_words::reverses(const decisive_words& other) const {
  for (const auto& word : words_) {
    if (std::ranges::binary_search(other.words_, word))
      continue;
    for (const std::string_view prefix : {"non-", "non", "un", "dis", "de"}) {
      if (!word.starts_with(prefix) || word.size() < prefix.size() + 3)
        continue;
      const auto rest = word.substr(prefix.size());
      if (std::ranges::binary_search(other.words_, rest)
          && !std::ranges::binary_search(words_, rest))
        return word;
    }
  }
  return std::nullopt;
}

} // namespace cortex::semantic_cache
