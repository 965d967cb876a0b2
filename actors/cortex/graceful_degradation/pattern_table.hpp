/// The table of patterns: read from its text, a pattern a line, with errors that name the line.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/graceful_degradation.hpp"
#include "cortex/graceful_degradation/command_template.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::graceful_degradation {

inline constexpr std::size_t max_patterns = 256;
inline constexpr std::size_t max_pattern_line_bytes = 1024;
inline constexpr std::size_t max_pattern_file_bytes = std::size_t{256} << 10U;

/// One line of the table.
struct pattern {
  command_type type = command_type::install;
  std::vector<std::string> verbs{};
  /// What may follow the verb; empty if the rest of the line does.
  std::vector<std::string> targets{};
  /// May stand before the rest and is left out of it; empty = none.
  std::string optional_word{};
  command_template makes{};
};

/// All installs, then all operations, each in the order of the text. Errors: `invalid_argument`
/// naming the line.
[[nodiscard]] expected<std::vector<pattern>> parse_patterns(std::string_view text);

/// A regular expression (RE2's) that is found in a query if the pattern matches; its only group is
/// the rest.
[[nodiscard]] std::string expression_of(const pattern& of);

} // namespace cortex::graceful_degradation
