/// What a program would use instead, for the storage rows.
#pragma once

#include "records.hpp"

#include <memory>

namespace cortex::bench {

/// One connection behind a mutex.
[[nodiscard]] std::unique_ptr<record_store> open_mutex_store(const store_setting& where);
/// A connection for each thread; SQLite's own lock and 5 s of patience order the writers.
[[nodiscard]] std::unique_ptr<record_store> open_per_thread_store(const store_setting& where);
/// Five connections lent first in, first out; each write is BEGIN, INSERT, COMMIT.
[[nodiscard]] std::unique_ptr<record_store> open_pool_store(const store_setting& where);
/// Five connections of SQLiteCpp in the same kind of pool.
[[nodiscard]] std::unique_ptr<record_store> open_sqlitecpp_store(const store_setting& where);

/// The limit for writes: one thread, nothing but the C interface, 1,024 rows to a transaction.
[[nodiscard]] subject_maker raw_writes(sync_level level, const record_files& files);
/// The limit for reads: one thread, nothing but the C interface, all in one transaction.
[[nodiscard]] subject_maker raw_reads(const record_files& files);

/// One thread writes while another connection keeps a transaction open.
[[nodiscard]] subject_maker plain_writes_with_a_stuck_reader(const record_files& files);

} // namespace cortex::bench
