#include "cortex/progress_indicators/marks.hpp"

#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace cortex::progress_indicators {
namespace {

constexpr std::array<std::string_view, glyph_count> glyphs{"⠋", "⠙", "⠹", "⠸", "⠼",
                                                           "⠴", "⠦", "⠧", "⠇", "⠏"};
constexpr std::array<std::string_view, 4> ascii_glyphs{"|", "/", "-", "\\"};

std::string_view code(tint color) noexcept {
  switch (color) {
    case tint::dim: return "\x1b[2m";
    case tint::green: return "\x1b[32m";
    case tint::yellow: return "\x1b[33m";
    case tint::red: return "\x1b[31m";
    case tint::cyan: return "\x1b[2;36m";
    case tint::blue: return "\x1b[34m";
    case tint::none: break;
  }
  return {};
}

bool is_utf8(const environment& env) {
  std::string locale = !env.lc_all.empty() ? env.lc_all : env.lc_ctype;
  if (locale.empty())
    locale = env.lang;
  std::ranges::transform(locale, locale.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return locale.find("utf-8") != locale.npos || locale.find("utf8") != locale.npos;
}

} // namespace

std::string_view spinner_glyph(const look& how, std::size_t index) noexcept {
  return how.ascii ? ascii_glyphs[index % ascii_glyphs.size()] : glyphs[index % glyphs.size()];
}

std::string_view mark(const look& how, level of) noexcept {
  switch (of) {
    case level::success: return how.ascii ? "+" : "✓";
    case level::error: return how.ascii ? "x" : "✗";
    case level::warning: return how.ascii ? "!" : "⚠";
    case level::info: return how.ascii ? "i" : "ℹ";
    case level::plain: break;
  }
  return {};
}

std::string_view mark(const look& how, step_status of) noexcept {
  switch (of) {
    case step_status::completed: return mark(how, level::success);
    case step_status::failed: return mark(how, level::error);
    case step_status::running: return how.ascii ? "*" : "●";
    default: return how.ascii ? "o" : "○";
  }
}

tint tint_of(level of) noexcept {
  switch (of) {
    case level::success: return tint::green;
    case level::error: return tint::red;
    case level::warning: return tint::yellow;
    case level::info: return tint::blue;
    case level::plain: break;
  }
  return tint::none;
}

tint tint_of(step_status of) noexcept {
  switch (of) {
    case step_status::completed: return tint::green;
    case step_status::failed: return tint::red;
    case step_status::running: return tint::yellow;
    case step_status::skipped: return tint::cyan;
    case step_status::pending: break;
  }
  return tint::dim;
}

std::string_view ellipsis(const look& how) noexcept {
  return how.ascii ? "..." : "…";
}

std::string_view arrow(const look& how) noexcept {
  return how.ascii ? "->" : "→";
}

std::string tinted(const look& how, tint color, std::string_view text) {
  if (!how.colors || color == tint::none || text.empty())
    return std::string{text};
  return std::string{code(color)}.append(text).append("\x1b[0m");
}

std::string blocks(const look& how, std::size_t full, std::size_t cells) {
  std::string out;
  for (std::size_t i = 0; i < cells; ++i)
    out += i < full ? (how.ascii ? "#" : "█") : (how.ascii ? "-" : "░");
  return out;
}

std::string to_ascii(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto next = text::decode(text, at);
    out += next.valid && next.length == 1 ? text[at] : '?';
    at += next.length;
  }
  return out;
}

std::string fixed(double value, int digits) {
  if (!std::isfinite(value))
    return "0";
  std::array<char, 400> text{};
  const auto end
    = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, digits)
        .ptr;
  return {text.data(), end};
}

look choose_look(const options& wanted, const environment& env, bool is_terminal) {
  look how;
  how.rendering = wanted.rendering;
  if (how.rendering == rendering::automatic)
    how.rendering = is_terminal && !env.term.empty() && env.term != "dumb" && env.ci.empty()
                      ? rendering::terminal
                      : rendering::lines;
  how.ascii = how.rendering != rendering::fallback && !is_utf8(env);
  how.colors = how.rendering == rendering::terminal && wanted.colors.value_or(env.no_color.empty());
  how.icons = wanted.icons && !how.ascii;
  return how;
}

} // namespace cortex::progress_indicators
