/// Values in layers: which one counts, and where it comes from.
#pragma once

#include "cortex/config_manager.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cortex::config_manager {

/// The values of one origin. *Immutable after construction*.
struct layer {
  config_manager::origin origin = config_manager::origin::defaults;
  std::string source{}; ///< The file; of the environment the prefix.
  yaml values{};        ///< A mapping, or null.
  /// Of the environment: which variable brought which key.
  std::vector<std::pair<key_path, std::string>> variables{};
};

/// The value at the end of a way through mappings; null if there is none. Thread-safe.
[[nodiscard]] const yaml* find_at(const yaml& root, const key_path& key) noexcept;

/// Where the keys of a mapping are, for one that is searched for many. Not thread-safe, but for
/// reading.
class member_index {
public:
  /// @pre `members` live, and stay where they are, for as long as this does
  explicit member_index(const yaml::mapping_type& members);
  /// The place of a key of any kind; nothing if there is none.
  [[nodiscard]] std::optional<std::size_t> find(const yaml& key) const;

private:
  const yaml::mapping_type& members_;
  std::unordered_map<std::string_view, std::size_t> texts_;
  std::vector<std::size_t> others_; // few: only a file made on purpose has such keys
};

/// Puts a value there; mappings on the way are made where there is nothing or null. Errors, with
/// nothing changed: `invalid_argument` (no key, an empty part), `constraint` (a part on the way is
/// something else). Not thread-safe.
[[nodiscard]] expected<void> set_at(yaml& root, const key_path& key, yaml value);
/// Removes a value, if there is one. Errors: as `set_at`.
[[nodiscard]] expected<void> erase_at(yaml& root, const key_path& key);

/// Puts the members of `over` above those of `under`: mappings are merged, all else replaced.
void merge_over(yaml& under, const yaml& over);

/// The keys with different values, as `a.b`; the deepest mappings that both have are entered. At
/// most `most`, and one more if there are more. Thread-safe.
[[nodiscard]] std::vector<std::string> changed_keys(const yaml& before, const yaml& after,
                                                    std::size_t most);

/// `a.b`
[[nodiscard]] std::string dotted(const key_path& key);

/// The variables with the prefix as a layer; what says nothing is told. No value is told, since it
/// may be a secret. Thread-safe.
[[nodiscard]] layer
environment_layer(const std::vector<std::pair<std::string, std::string>>& variables,
                  const std::string& prefix, std::vector<std::string>& notices);

/// Tells every key of a layer that is not known, nor below a known one, with file and line.
/// Thread-safe.
void check_known(const layer& what, const std::vector<std::string>& known,
                 std::vector<std::string>& warnings);

/// All layers at one moment. *Immutable after construction*.
struct snapshot {
  std::uint64_t version = 1;
  std::array<std::shared_ptr<const layer>, 5> layers{}; ///< By origin; none is null.
  std::shared_ptr<const yaml> merged = std::make_shared<const yaml>(yaml::mapping());
  std::vector<std::string> warnings{};
  std::optional<error> problem{};

  /// Errors: `not_found`; `invalid_argument`.
  [[nodiscard]] expected<value> get(const key_path& key) const;
};

} // namespace cortex::config_manager
