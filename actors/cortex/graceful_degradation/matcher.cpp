#include "cortex/graceful_degradation/matcher.hpp"

#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <utility>

namespace cortex::graceful_degradation::detail {
namespace {

constexpr double install_confidence = 0.8;
constexpr double operation_confidence = 0.7;

re2::RE2::Options rules() {
  re2::RE2::Options how;
  how.set_log_errors(false);                // the library prints nothing
  how.set_max_mem(std::int64_t{64} << 20U); // 256 patterns, with their classes of Unicode
  return how;
}

} // namespace

matcher::matcher(std::vector<pattern> table)
  : table_(std::move(table)), together_(rules(), re2::RE2::UNANCHORED) {}

expected<std::shared_ptr<const matcher>> matcher::make(std::vector<pattern> table) {
  std::shared_ptr<matcher> made{new matcher{std::move(table)}};
  for (const auto& each : made->table_) {
    const auto expression = expression_of(each);
    std::string problem;
    if (made->together_.Add(expression, &problem) < 0)
      return fail(errc::invalid_argument, "a pattern cannot be compiled: " + problem);
    auto& alone = made->alone_.emplace_back();
    if (each.makes.takes_rest())
      alone = std::make_unique<const re2::RE2>(expression, rules());
    if (alone != nullptr && !alone->ok())
      return fail(errc::invalid_argument, "a pattern cannot be compiled: " + alone->error());
  }
  if (!made->table_.empty() && !made->together_.Compile())
    return fail(errc::invalid_argument, "the patterns are too large together");
  return made;
}

std::optional<std::size_t> matcher::find(std::string_view stripped) const {
  if (table_.empty())
    return std::nullopt;
  std::vector<int> found;
  re2::RE2::Set::ErrorInfo why{};
  const re2::StringPiece subject{stripped.data(), stripped.size()};
  if (together_.Match(subject, &found, &why))
    return static_cast<std::size_t>(*std::min_element(found.begin(), found.end()));
  if (why.kind == re2::RE2::Set::kNoError)
    return std::nullopt;
  return find_one_by_one(stripped);
}

std::optional<std::size_t> matcher::find_one_by_one(std::string_view stripped) const {
  const re2::StringPiece subject{stripped.data(), stripped.size()};
  for (std::size_t i = 0; i < table_.size(); ++i)
    if (re2::RE2::PartialMatch(subject, re2::RE2{expression_of(table_[i]), rules()}))
      return i;
  return std::nullopt;
}

std::optional<matched> matcher::match(std::string_view query) const {
  if (!text::valid_utf8(query))
    return std::nullopt;
  const auto stripped = text::trim(query);
  const auto place = find(stripped);
  if (!place)
    return std::nullopt;
  const auto& found = table_[*place];
  matched made{found.type,
               {},
               found.type == command_type::install ? install_confidence : operation_confidence};
  if (!found.makes.takes_rest()) {
    made.command = found.makes.fill();
    return made;
  }
  re2::StringPiece rest;
  const re2::StringPiece subject{stripped.data(), stripped.size()};
  if (!re2::RE2::PartialMatch(subject, *alone_[*place], &rest))
    return std::nullopt;
  const std::string_view brought{rest.data(), rest.size()};
  if (!is_harmless(brought)) // no other pattern instead: the query as a whole is not trusted
    return std::nullopt;
  made.command = found.makes.fill(brought);
  return made;
}

} // namespace cortex::graceful_degradation::detail
