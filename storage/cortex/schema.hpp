/// Schemas and migrations of a database.
#pragma once

#include "cortex/statement.hpp"

#include <functional>
#include <string>
#include <vector>

namespace cortex::storage {

/// One step from a version of the schema to the next. Runs once for each file, in a transaction of
/// its own; recorded in table `cortex_schema`. Foreign keys are not enforced meanwhile, so that
/// tables can be rebuilt, but checked at its end: no row of the file may lack its parent then.
struct migration {
  int version = 0;  ///< 1, 2, 3, …: without gaps, ascending.
  std::string name; ///< For people: `"add index on author"`.
  std::function<expected<void>(transaction&)> apply;
};

/// What a database must look like for its program.
struct schema {
  /// Whose versions these are; several components may share a file. `[a-z0-9_]{1,64}`.
  std::string component = "main";
  /// Statements run at each open that change nothing when everything is there (`CREATE … IF NOT
  /// EXISTS`); may be empty.
  std::string base{};
  std::vector<migration> migrations{};
};

} // namespace cortex::storage
