/// The profiles of a file in memory, in the order of their rows.
#pragma once

#include "cortex/accelerator_limits.hpp"
#include "cortex/expected.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

namespace cortex::accelerator_limits {

/// What one row says.
struct entry {
  std::string config;        ///< As in the row.
  expected<profile> content; ///< Or why it cannot be read.
};

/// *Owned by one actor*.
class profile_table {
public:
  /// Puts an entry behind all others, in place of one of the same name. True if there was one.
  bool put(const std::string& name, entry what);
  /// The same, but it stays where it is. @pre there is one
  void replace(const std::string& name, entry what);
  /// False if there was none.
  bool erase(const std::string& name);
  /// Null if there is none.
  [[nodiscard]] const entry* find(const std::string& name) const;
  /// Errors: `not_found`, and that of the row.
  [[nodiscard]] expected<profile> get(const std::string& name) const;
  [[nodiscard]] listing list() const;
  [[nodiscard]] std::size_t size() const noexcept { return places_.size(); }

private:
  struct named_entry {
    std::string name;
    entry content;
  };

  std::map<std::uint64_t, named_entry> entries_;
  std::unordered_map<std::string, std::uint64_t> places_;
  std::uint64_t next_place_ = 0;
};

/// The profile with what the changes say. Errors: `invalid_argument` if it were not valid then.
[[nodiscard]] expected<profile> changed(profile before, const changes& what);

} // namespace cortex::accelerator_limits
