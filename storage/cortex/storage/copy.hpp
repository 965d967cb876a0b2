/// Copying a database page by page, checking what came out, and when such long work must end.
#pragma once

#include "cortex/backup.hpp"
#include "cortex/storage/connection.hpp"
#include "cortex/storage/new_file.hpp"
#include "cortex/storage/patience.hpp"

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace cortex::storage::detail {

class database_core;

/// Says when long work must end: told to stop, out of time, or its database is closed.
/// *Thread-safe*.
class work_limit {
public:
  /// `within` 0 = no end; `of` may be null.
  work_limit(std::string name, std::stop_token stop, std::chrono::nanoseconds within,
             const monotonic_clock& clock, const database_core* of);

  /// Errors: `cancelled`; `timeout`; `closed`.
  [[nodiscard]] std::optional<error> over() const;
  /// Sleeps, but not beyond the end.
  void rest(std::chrono::nanoseconds pause) const;
  [[nodiscard]] const patience& time() const noexcept { return time_; }

private:
  std::string name_;
  std::stop_token stop_;
  patience time_;
  const database_core* of_;
};

/// While it lives, statements of a connection end as `SQLITE_INTERRUPT` once the limit is over.
class limited_statements {
public:
  limited_statements(connection& on, const work_limit& limit) noexcept;
  limited_statements(const limited_statements&) = delete;
  limited_statements& operator=(const limited_statements&) = delete;
  ~limited_statements();

private:
  connection& on_;
};

/// What a checking pragma finds: empty if all is well. `ok` is what it says then.
[[nodiscard]] expected<std::vector<std::string>> findings(snapshot& view,
                                                          const std::string& pragma);

/// How pages are copied.
struct copy_options {
  std::size_t pages_per_step = 256;
  std::chrono::nanoseconds pause{0};
  const copy_progress& progress;
  std::string vfs;
};

/// Copies all pages that `from` shows in the transaction that it has open. Returns their number.
/// Errors: those of the limit; `internal` if the progress function throws; `no_space`; `io`; ….
[[nodiscard]] expected<std::uint64_t> copy_pages(connection& from, const new_file& to,
                                                 const copy_options& how, const work_limit& limit);

/// Makes the copy a plain single file, without a log, checks it and flushes it. Returns its size.
/// Errors: `corrupt` if the check finds anything; those of the limit; `no_space`; `io`.
[[nodiscard]] expected<std::uint64_t> finish_copy(new_file& of, copy_check check,
                                                  const std::string& vfs, const work_limit& limit);

} // namespace cortex::storage::detail
