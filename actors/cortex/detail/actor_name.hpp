/// How the actors of subsystems are named.
#pragma once

#include "cortex/text/digest.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace cortex::detail {

/// A name that two openers of one file share, so that the second one is refused; each database in
/// memory is one of its own. *Thread-safe*.
[[nodiscard]] inline std::string actor_name(std::string_view subsystem, std::string_view path) {
  std::string name{subsystem};
  if (path == ":memory:") {
    static std::atomic<std::uint64_t> count{0};
    return name + ".memory." + std::to_string(count.fetch_add(1));
  }
  return name + "." + text::sha256_hex(path).substr(0, 12);
}

} // namespace cortex::detail
