/// The storage workloads' common ground: their table, the interface each design offers to them, and
/// the count of what is really in the file afterwards.
#pragma once

#include "harness.hpp"
#include "random.hpp"
#include "rivals/connection.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::bench {

constexpr std::size_t payload_bytes = 200;
constexpr unsigned record_count = 20'000; ///< Rows that can be looked up.
constexpr std::int64_t item_count = 100;  ///< Rows that can be counted.

/// The text key of a record: `key-00001234`.
class record_key {
public:
  explicit record_key(unsigned number) noexcept;
  [[nodiscard]] std::string_view text() const noexcept { return {text_.data(), text_.size()}; }

private:
  std::array<char, 12> text_;
};

/// What each write inserts: 200 bytes.
[[nodiscard]] std::string_view payload() noexcept;

namespace sql {

constexpr std::string_view select_record = "SELECT payload FROM record WHERE key = ?";
constexpr std::string_view insert_log
  = "INSERT INTO log(thread, sequence, payload) VALUES(?, ?, ?)";
constexpr std::string_view newest_log = "SELECT max(id) FROM log";
constexpr std::string_view count_items = "SELECT count(*) FROM item";

} // namespace sql

/// Questions whose answer is one integer.
enum class question : std::uint8_t {
  newest_log,  ///< How many rows `write` inserted: the highest id, for ids follow the commits.
  count_items, ///< How many rows there are in a table of 100 that nobody changes.
};

/// A design seen by the storage workloads. *Thread-safe*: `thread` is the caller's number.
class record_store {
public:
  record_store() = default;
  record_store(const record_store&) = delete;
  record_store& operator=(const record_store&) = delete;
  virtual ~record_store() = default;

  /// Inserts one row; `done` means it is durable at the level the store was opened with.
  virtual outcome write(unsigned thread, std::uint64_t sequence) = 0;
  /// Copies a record's payload to `out`.
  virtual outcome read(unsigned thread, const record_key& key, std::string& out) = 0;
  virtual outcome query(unsigned thread, question what, std::int64_t& out) = 0;
  /// Inserts `count` rows, numbered from `first` on, as a bulk load; `done` means that all of them
  /// are durable. For the designs of the cells with a load.
  virtual outcome load(unsigned /*thread*/, std::uint64_t /*first*/, unsigned /*count*/) {
    return outcome::failed;
  }
};

struct store_setting {
  std::filesystem::path file;
  sync_level level = sync_level::normal;
  unsigned threads = 1;
  gate* shared = nullptr;
};

using store_maker = std::function<std::unique_ptr<record_store>(const store_setting&)>;

/// Database files to start each repetition from.
class record_files {
public:
  /// Makes them in `directory`.
  explicit record_files(const std::filesystem::path& directory);

  /// A fresh copy in `directory`, with or without the 20,000 records.
  [[nodiscard]] std::filesystem::path copy_to(const std::filesystem::path& directory,
                                              bool with_records) const;

private:
  std::filesystem::path empty_;
  std::filesystem::path full_;
};

/// Which of a thread's writes were acknowledged: all begun ones but those noted as not.
/// *Not thread-safe*: one for each thread.
struct alignas(64) write_tally {
  std::uint64_t next = 0;
  std::vector<std::uint64_t> unacknowledged;
};

/// Counts, with a plain connection, the acknowledged rows that are not in the file.
[[nodiscard]] std::uint64_t count_lost(const std::filesystem::path& file,
                                       const std::vector<write_tally>& tallies);

using subject_maker = std::function<std::unique_ptr<subject>(const setting&)>;

/// A fresh file in the repetition's directory, opened by nobody yet.
[[nodiscard]] store_setting prepare(const setting& where, sync_level level,
                                    const record_files& files, bool with_records);

/// Looks a random record up and compares what comes back with what was stored.
outcome checked_read(record_store& store, worker& self, random_source& random, std::string& out);

/// Each operation inserts one row and waits for the acknowledgement.
[[nodiscard]] subject_maker single_writes(store_maker maker, sync_level level,
                                          const record_files& files);
/// Each operation looks one of the 20,000 records up by its text key.
[[nodiscard]] subject_maker point_reads(store_maker maker, const record_files& files);
/// Seven reads to three writes; each 64th read checks that the acknowledged writes are visible.
[[nodiscard]] subject_maker mixed_reads_and_writes(store_maker maker, const record_files& files);
/// All threads but the last look records up while the last one inserts without a pause.
[[nodiscard]] subject_maker reads_beside_a_writer(store_maker maker, const record_files& files);
/// All threads but the last insert one row at a time while the last one loads 5,000 rows at once,
/// again and again.
[[nodiscard]] subject_maker writes_beside_a_load(store_maker maker, const record_files& files);
/// The original's stress test of its pool: counting reads of 100 rows and single-row inserts.
/// @param writes_of_ten how many of ten operations insert
[[nodiscard]] subject_maker counting_reads_and_writes(store_maker maker, unsigned writes_of_ten,
                                                      const record_files& files);

} // namespace cortex::bench
