// The vector file of the context memory. Read with the library's own JSON type: the order of keys
// and the difference between 1 and 1.0 count here.
#pragma once

#include "cortex/json.hpp"

#include "support/catch_compat.hpp"
#include "support/vectors.hpp"

#include <fstream>
#include <iterator>
#include <string>

namespace cortex::testing {

inline json read_memory_vectors() {
  const auto path = vector_folder() / "context_memory.json";
  std::ifstream file{path};
  INFO("vector file " << path);
  REQUIRE(file.is_open());
  auto read = json::parse(std::string{std::istreambuf_iterator<char>{file}, {}});
  REQUIRE(read);
  return *std::move(read);
}

/// A member that must be there.
inline const json& at(const json& object, std::string_view key) {
  const auto* found = object.find(key);
  INFO("'" << key << "' in " << object.dump());
  REQUIRE(found != nullptr);
  return *found;
}
inline const std::string& text_at(const json& object, std::string_view key) {
  const auto* found = at(object, key).text();
  REQUIRE(found != nullptr);
  return *found;
}
inline std::int64_t int_at(const json& object, std::string_view key) {
  const auto found = at(object, key).as_int64();
  REQUIRE(found);
  return *found;
}
inline double real_at(const json& object, std::string_view key) {
  const auto found = at(object, key).as_double();
  REQUIRE(found);
  return *found;
}
/// The elements of an array.
inline const json::array_type& list_at(const json& object, std::string_view key) {
  const auto* found = at(object, key).elements();
  REQUIRE(found != nullptr);
  return *found;
}

/// The defects that a scenario or a step rests on: empty if it counts.
inline std::string memory_defects(const json& item) {
  const auto* defects = item.find("original_defects");
  return defects == nullptr || defects->size() == 0 ? std::string{} : defects->dump();
}

} // namespace cortex::testing
