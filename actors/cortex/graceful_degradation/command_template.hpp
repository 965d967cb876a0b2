/// Commands of patterns: a text taken apart into argument vectors, with a place for what the query
/// brings.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/graceful_degradation.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace cortex::graceful_degradation {

/// *Immutable after construction*.
class command_template {
public:
  /// Words are separated by blanks, 'quotes' keep them together, `&&` and `|` begin another
  /// program,
  /// `<rest>` as a word of its own is what the query brings. Errors: `invalid_argument` for what
  /// else is special to a shell, and for a command that is no program.
  [[nodiscard]] static expected<command_template> parse(std::string_view text);

  /// Whether it has `<rest>`.
  [[nodiscard]] bool takes_rest() const noexcept { return takes_rest_; }
  /// The command. Without a value where `takes_rest` is false.
  /// @pre `is_harmless(rest)` where it is true
  [[nodiscard]] command fill(std::string_view rest = {}) const;

private:
  command made_{};
  bool takes_rest_ = false;
};

/// True for words of letters and digits (L*, N*) and `+-._:` whose first character is a letter or
/// digit, at least one, separated by blanks and tabs: nothing that is special to a shell, is taken
/// for an option, or begins another line.
[[nodiscard]] bool is_harmless(std::string_view rest) noexcept;

} // namespace cortex::graceful_degradation
