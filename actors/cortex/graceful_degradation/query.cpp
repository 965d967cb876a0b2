// Queries: how they are told apart; and the names of enumerations.
#include "cortex/graceful_degradation.hpp"
#include "cortex/text/digest.hpp"
#include "cortex/text/unicode.hpp"

#include <array>
#include <utility>

namespace cortex::graceful_degradation {
namespace {

constexpr std::size_t hash_digits = 16;

template <class Enumeration, std::size_t Count>
std::string_view name_in(const std::array<std::string_view, Count>& names,
                         Enumeration value) noexcept {
  const auto at = static_cast<std::size_t>(value);
  return at < Count ? names[at] : std::string_view{"?"};
}

} // namespace

query::query(std::string text) : text_(std::move(text)) {
  if (text_.size() > max_query_bytes) {
    problem_ = "the query is longer than 1 MiB";
    return;
  }
  if (!text::valid_utf8(text_)) {
    problem_ = "the query is no valid UTF-8";
    return;
  }
  const auto lower = text::to_lower(text_);
  normalized_ = text::trim(lower);
  hash_ = text::sha256_hex(normalized_).substr(0, hash_digits);
}

query::query(const char* text) : query(std::string{text}) {}

std::string_view to_string(command_type value) noexcept {
  return name_in(std::array<std::string_view, 2>{"install", "operation"}, value);
}

std::string_view to_string(mode value) noexcept {
  return name_in(
    std::array<std::string_view, 4>{"full_ai", "cached_only", "pattern_matching", "manual_mode"},
    value);
}

std::string_view to_string(api_status value) noexcept {
  return name_in(std::array<std::string_view, 4>{"available", "degraded", "unavailable", "unknown"},
                 value);
}

std::string_view to_string(source value) noexcept {
  return name_in(std::array<std::string_view, 5>{"llm", "cache", "cache_similar",
                                                 "pattern_matching", "manual_mode"},
                 value);
}

std::string_view to_string(circuit_state value) noexcept {
  return name_in(std::array<std::string_view, 3>{"closed", "open", "half_open"}, value);
}

} // namespace cortex::graceful_degradation
