/// Exported documents: checked, compared with a machine, made.
///
/// All functions are *thread-safe*.
#pragma once

#include "cortex/config_manager.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cortex::config_manager {

/// A value as Python's `str` shows it: `None`, `1.0`, `{'name': 'x'}`.
[[nodiscard]] std::string python_text(const yaml& what);

/// Whether a configuration may be imported where the operating system is `current_os`.
[[nodiscard]] validation check_configuration(const yaml& configuration,
                                             std::string_view current_os);

/// Which parts of a document count.
struct sections {
  bool packages = true;
  bool preferences = true;
};
/// Errors: `invalid_argument` naming one that is unknown.
[[nodiscard]] expected<sections>
read_sections(const std::optional<std::vector<std::string>>& names);

/// The sources that packages of a configuration name, as far as they are known.
[[nodiscard]] std::vector<std::string> sources_in(const yaml& configuration);

/// What would have to change. @pre `configuration` is a mapping
[[nodiscard]] difference compare_with(const yaml& configuration, const sections& which,
                                      const std::vector<package>& installed,
                                      const expected<yaml>& preferences);

/// What an export is made from.
struct export_parts {
  std::optional<std::string> exported_at;
  std::string os;
  std::optional<expected<yaml>> hardware;
  std::vector<package> packages;
  std::optional<yaml> preferences;
  std::vector<std::pair<std::string, std::string>> variables;
};
[[nodiscard]] yaml export_document(export_parts parts);

} // namespace cortex::config_manager
