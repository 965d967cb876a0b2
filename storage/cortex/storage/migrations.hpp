/// Brings a database to the schema of its program.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/schema.hpp"
#include "cortex/storage/connection.hpp"

namespace cortex::storage::detail {

/// All that is wrong with a schema's declaration. Errors: `invalid_argument`.
[[nodiscard]] expected<void> validate(const schema& wanted);

/// Runs the base script and the migrations that the file has not seen, each in a transaction.
/// Errors: `newer_format` if the file knows a later version; those of the steps, which name the
/// migration; `constraint` if a step leaves a foreign key unmatched.
[[nodiscard]] expected<void> apply(const schema& wanted, connection& on, wall_time now);

/// Errors: `newer_format` if the file knows a later version; `corrupt`; `io`.
[[nodiscard]] expected<void> check_version(const schema& known, connection& on);

} // namespace cortex::storage::detail
