/// What a text of SQL is about, told by its first word: who must run it.
#pragma once

#include <cstdint>
#include <string_view>

namespace cortex::storage::detail {

enum class statement_kind : std::uint8_t {
  query,  ///< Looks only: SELECT, VALUES, EXPLAIN, PRAGMA.
  schema, ///< CREATE, DROP, ALTER, REINDEX, ANALYZE, VACUUM.
  change, ///< Everything else, WITH … INSERT included.
};

/// What is no SQL at all is a `change`: running it says what is wrong.
[[nodiscard]] statement_kind kind_of(std::string_view sql) noexcept;

} // namespace cortex::storage::detail
