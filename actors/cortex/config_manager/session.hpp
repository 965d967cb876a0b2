/// What the work of one open configuration shares, and the work itself.
#pragma once

#include "cortex/config_manager.hpp"
#include "cortex/config_manager/document.hpp"
#include "cortex/config_manager/preferences_queue.hpp"
#include "cortex/detail/host_calls.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cortex::config_manager {

/// *Immutable after construction*.
struct session {
  runtime rt; ///< Does not keep it running.
  options how;
  std::vector<std::pair<std::string, std::string>> environment{};
  std::shared_ptr<cortex::detail::host_calls> calls{};
  std::shared_ptr<preferences_queue> preferences{};
  /// An import runs that changes something.
  std::shared_ptr<std::atomic<bool>> importing = std::make_shared<std::atomic<bool>>(false);
};
using shared_session = std::shared_ptr<const session>;

// Each of these blocks on files, programs or functions of the host. *Thread-safe*.

[[nodiscard]] detection detect_on(const session& in, const detect& what);
[[nodiscard]] expected<yaml_document> read_document(const session& in, const std::string& path);
[[nodiscard]] validation validate_on(const session& in, const yaml& configuration);
/// Errors: `invalid_argument` if the configuration is no mapping.
[[nodiscard]] expected<difference> compare_on(const session& in, const yaml& configuration,
                                              const sections& which,
                                              const expected<yaml>& preferences);
/// `preferences` are looked at if they are asked for. Errors: as `export_to`.
[[nodiscard]] expected<exported> export_on(const session& in, const export_to& what,
                                           const expected<yaml>& preferences);
/// Imports, and hands the preferences on at last.
void import_on(const shared_session& in, const import_from& what, const expected<yaml>& preferences,
               promise<imported> reply);

/// Installs what a difference says. Does not begin anything new once `given_up` says so; what is
/// left is told as skipped. *Not thread-safe*.
class installer {
public:
  installer(const session& in, const import_from& how, std::function<bool()> given_up)
    : in_(in), how_(how), given_up_(std::move(given_up)) {}

  void run(const difference& what, imported& out);

private:
  void run_list(const std::vector<package_change>& changes, install_action action,
                std::vector<std::string>& done, imported& out);
  void run_command(std::vector<package_change> changes, install_action action,
                   std::vector<std::string>& done, imported& out);
  /// Whether it went well, and what it said if not. `thrown`: the host's function failed.
  struct outcome {
    bool succeeded = false;
    bool thrown = false;
    error why{};
  };
  [[nodiscard]] outcome execute(const std::vector<std::string>& words) const;

  const session& in_;
  const import_from& how_;
  std::function<bool()> given_up_;
};

} // namespace cortex::config_manager
