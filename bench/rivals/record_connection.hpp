/// One connection with the prepared statements of the storage workloads.
#pragma once

#include "records.hpp"
#include "rivals/connection.hpp"

#include <cstdint>
#include <string>

namespace cortex::bench {

/// *Not thread-safe*: the designs differ in how they share it.
class record_connection {
public:
  record_connection(const std::filesystem::path& file, sync_level level, gate* shared);

  /// One statement that commits by itself.
  outcome write(unsigned thread, std::uint64_t sequence);
  /// BEGIN, INSERT, COMMIT: how the original's pool writes.
  outcome write_in_transaction(unsigned thread, std::uint64_t sequence);
  outcome read(const record_key& key, std::string& out);
  outcome query(question what, std::int64_t& out);
  /// So many rows in one transaction.
  outcome load(unsigned thread, std::uint64_t first, unsigned count);

  void begin() { begin_.run(); }
  /// True if the transaction is committed; else it is rolled back.
  bool commit();

private:
  /// Names a failure, unless the measurement is over and waiting was given up.
  outcome explain(int result);

  gate* shared_;
  connection database_;
  statement select_;
  statement insert_;
  statement newest_;
  statement count_;
  statement begin_;
  statement commit_;
  statement rollback_;
};

/// Says what failed, in a repetition's own words; `abandoned` once the measurement is over.
outcome refused(gate* shared, const char* why);

} // namespace cortex::bench
