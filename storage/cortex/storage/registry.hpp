/// The open databases of this process, by file: one file, one database.
#pragma once

#include "cortex/storage/core.hpp"

#include <memory>
#include <mutex>

namespace cortex::storage::detail {

/// What keeps a database open: the references of callers.
struct open_database {
  std::shared_ptr<database_core> core;
  std::shared_ptr<void> lifetime; ///< Closes the database when the last copy goes.
};

/// Opens a file or shares the open one. Errors: as `database::open`.
[[nodiscard]] expected<open_database> open_shared(const runtime& rt, const std::string& path,
                                                  const database_options& options,
                                                  std::shared_ptr<void> keep_alive);

/// While it lives nobody else in the process opens a file. Keep it for moments.
class opening_pause {
public:
  opening_pause();
  /// Whether the process has a file open as a database, or is about to.
  [[nodiscard]] bool is_open(file_identity file) const;

private:
  std::unique_lock<std::recursive_mutex> guard_;
};

/// Empties page caches of open files until the memory budget is kept. Does nothing while another
/// thread opens a file or does this.
void drop_caches_of_all() noexcept;

} // namespace cortex::storage::detail
