/// What is installed: three package managers, asked at the same time.
#pragma once

#include "cortex/config_manager.hpp"

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::config_manager {

/// The sources in the order of their packages.
[[nodiscard]] const std::vector<std::string>& known_sources();

/// Lines `NAME<TAB>VERSION` of `dpkg-query`; others are left out. Thread-safe.
[[nodiscard]] std::vector<package> parse_apt(std::string_view output);
/// What `pip list --format=json` writes; entries without name or version are left out. Errors:
/// `corrupt` if it is no JSON. Thread-safe.
[[nodiscard]] expected<std::vector<package>> parse_pip(std::string_view output);
/// What `npm list --json` writes. Errors: as `parse_pip`. Thread-safe.
[[nodiscard]] expected<std::vector<package>> parse_npm(std::string_view output);

/// How packages are looked for.
struct detection_setting {
  process_runner runner;
  std::chrono::milliseconds limit{30'000};
  std::stop_token stop{};
  bool at_once = true; ///< On threads of their own.
};

/// Blocks until all sources have answered. Thread-safe.
[[nodiscard]] detection detect_packages(const detection_setting& how, const detect& what);

} // namespace cortex::config_manager
