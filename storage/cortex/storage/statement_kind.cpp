#include "cortex/storage/statement_kind.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace cortex::storage::detail {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Both kinds of comment, as SQLite knows them.
std::string_view skip_space(std::string_view text) {
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n\f;"), text.size()));
    const bool line = text.starts_with("--");
    if (!line && !text.starts_with("/*"))
      return text;
    const auto end = line ? text.find('\n') : text.find("*/", 2);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + (line ? 1 : 2));
  }
}

std::string_view first_word(std::string_view text) {
  text = skip_space(text);
  const auto end = std::ranges::find_if_not(text, is_letter);
  return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

// `upper` is in capitals.
bool same(std::string_view word, std::string_view upper) {
  return std::ranges::equal(word, upper, [](char a, char b) {
    return (a >= 'a' ? static_cast<char>(a - 'a' + 'A') : a) == b;
  });
}

} // namespace

statement_kind kind_of(std::string_view sql) noexcept {
  constexpr std::array queries{"SELECT", "VALUES", "EXPLAIN", "PRAGMA"};
  constexpr std::array schemas{"CREATE", "DROP", "ALTER", "REINDEX", "ANALYZE", "VACUUM"};
  const auto word = first_word(sql);
  auto is = [word](const char* other) { return same(word, other); };
  if (std::ranges::any_of(queries, is))
    return statement_kind::query;
  return std::ranges::any_of(schemas, is) ? statement_kind::schema : statement_kind::change;
}

} // namespace cortex::storage::detail
