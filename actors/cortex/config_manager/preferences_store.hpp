/// All preferences: the files, the layers above and below them, and what is published of them.
#pragma once

#include "cortex/config_manager/layers.hpp"
#include "cortex/config_manager/preferences_file.hpp"
#include "cortex/published.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

namespace cortex::config_manager {

/// Changes whole members of the file, whatever their keys are.
struct merge_preferences {
  yaml preferences; ///< A mapping.
  bool replace_damaged = false;
};

/// A change of the file.
using write_request = std::variant<save_preferences, update_preferences, merge_preferences>;

/// What a store is made from.
struct store_setting {
  std::string path;        ///< Resolved.
  std::string system_file; ///< Empty = none.
  yaml_options how;
  layer defaults;
  layer environment;
  layer arguments;
  std::vector<std::string> known_keys;
  std::chrono::milliseconds lock_patience;
};

/// Reads and writes the files, one thread at a time. Blocks on them. *Not thread-safe*.
class preferences_store {
public:
  /// Reads the files. Publishes in `out`, then calls `tell` for what has become different.
  preferences_store(store_setting setting, std::shared_ptr<published<snapshot>> out,
                    std::function<void(change)> tell);

  /// Reads the files again.
  void refresh();
  /// What the user's file says. Errors: `corrupt`, those of the operating system.
  [[nodiscard]] expected<yaml> content() const;
  /// Makes the changes with one write, each to what the ones before it left; one that fails fails
  /// alone. Errors of all: `in_use`, those of the operating system.
  [[nodiscard]] std::vector<expected<saved>> commit(const std::vector<write_request>& changes,
                                                    std::stop_token stop);

private:
  using results = std::vector<expected<saved>>;

  // True if something is other than before.
  bool read_user();
  bool read_system();
  results commit_all(const std::vector<write_request>& changes, std::stop_token stop);
  expected<saved> apply(const write_request& change, yaml& to, bool& damaged) const;
  void write(const std::vector<const write_request*>& changes, results& out);
  void publish(bool foreign);
  [[nodiscard]] std::shared_ptr<snapshot> assemble() const;
  [[nodiscard]] std::optional<error> problem() const;

  store_setting setting_;
  std::shared_ptr<published<snapshot>> out_;
  std::function<void(change)> tell_;
  preferences_file user_;
  std::optional<preferences_file> system_;
  std::optional<error> unread_;        // why the user's file could not be read at all
  std::optional<error> system_unread_; // … the system's
  // What was last understood: a file that somebody breaks takes no value away.
  std::shared_ptr<const layer> user_layer_;
  std::shared_ptr<const layer> system_layer_;
  std::shared_ptr<const layer> defaults_;
  std::shared_ptr<const layer> environment_;
  std::shared_ptr<const layer> arguments_;
};

} // namespace cortex::config_manager
