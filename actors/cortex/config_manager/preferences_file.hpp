/// The preferences file as it is: read, written whole, kept aside when damaged.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/yaml.hpp"

#include <optional>
#include <string>
#include <vector>

namespace cortex::config_manager {

/// What counts as no preferences at all: null, zero, false and what is empty.
[[nodiscard]] bool is_nothing(const yaml& document) noexcept;

/// What one file says. Blocks on it. *Not thread-safe*.
class preferences_file {
public:
  /// `path` is resolved. Files that are only read are not kept aside.
  preferences_file(std::string path, yaml_options how, bool keeps_damaged)
    : path_(std::move(path)), how_(how), keeps_damaged_(keeps_damaged) {}

  /// Looks at the file. True if it says something else than before. A damaged one is no error here:
  /// see `damage`. Errors: those of the operating system; then nothing is known of it.
  [[nodiscard]] expected<bool> read();

  /// What the file said when it was last read, or was given in `write`; an empty mapping for
  /// nothing at all, and for a damaged file.
  [[nodiscard]] const yaml& root() const noexcept { return document_.root; }
  [[nodiscard]] const std::vector<yaml_warning>& warnings() const noexcept {
    return document_.warnings;
  }
  /// Why the file cannot be understood, with its name, line and column, and where its copy is.
  [[nodiscard]] const std::optional<error>& damage() const noexcept { return damage_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  /// Replaces the file. Errors: `invalid_argument` if it could not be read again, with nothing
  /// changed; those of the operating system; `outcome_unknown` if the file is in place, which it
  /// says from now on, and its folder could not be flushed.
  [[nodiscard]] expected<void> write(const yaml& root);

private:
  void take_in(std::string bytes);
  void note_damage(const error& why);

  std::string path_;
  yaml_options how_;
  bool keeps_damaged_;
  std::optional<std::string> bytes_; // empty: not known, or too long
  yaml_document document_{yaml::mapping()};
  std::optional<error> damage_;
};

} // namespace cortex::config_manager
