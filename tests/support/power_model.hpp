/// What a disk holds after a power cut: synced data, and some of what was not synced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::testing {

/// What a power cut did to the writes and truncations that no sync had covered.
struct power_cut {
  std::size_t kept = 0;  ///< Reached the disk whole.
  std::size_t torn = 0;  ///< Reached the disk in part, by sectors of 512 bytes.
  std::size_t lost = 0;  ///< Never reached the disk.
  std::size_t files = 0; ///< Files there are after the cut.
};

/// Follows what is written to a set of files and what of it is synced. Thread-safe.
///
/// The model: a sync makes durable what was written to that file before the sync began. Until then
/// each write and each truncation may reach the disk or not, in any order, and a write in part;
/// bytes next to a write never change. A new file may be missing until it is synced, a removed one
/// may be back until its directory is synced, and as SQLite's own VFS does, the first sync of a
/// new journal or WAL syncs the directory too. It says nothing about disks that lie about syncs.
class power_model {
public:
  using file_id = std::uint64_t;

  /// Follows a file from here on; `load` gives what it holds now, which counts as durable, unless
  /// the file is followed already. A file that is empty when first seen counts as new.
  file_id attach(const std::string& path, bool syncs_directory,
                 const std::function<std::string()>& load);

  void write(file_id id, std::uint64_t offset, std::string_view data);
  void truncate(file_id id, std::uint64_t size);
  void remove(const std::string& path, bool directory_synced);

  /// Where a sync begins: it covers no write that comes later.
  std::uint64_t begin_sync() const;
  void end_sync(file_id id, std::uint64_t began);

  /// A sync that failed and dropped what it should have written, as Linux does with dirty pages:
  /// the file shows the data until the power goes, and no later sync saves it.
  void fail_sync(file_id id, std::uint64_t began);

  /// Writes into `directory`, under their own names, the files that this cut leaves. The same
  /// history and seed give the same files.
  power_cut cut(const std::filesystem::path& directory, std::uint64_t seed) const;

private:
  struct change {
    std::uint64_t sequence = 0;
    std::uint64_t offset = 0; // of a truncation: the new size
    std::optional<std::string> data;
  };

  struct file {
    std::string path;
    std::string durable;
    std::vector<change> unsynced;
    bool entry_durable = false;
    bool syncs_directory = false;
  };

  using generator = std::mt19937_64;

  static void apply(std::string& image, const change& c);
  static void apply_torn(std::string& image, const change& c, generator& random);
  static std::string survive(const file& f, generator& random, power_cut& result);
  void add(file_id id, change c);
  void sync_directory(const std::filesystem::path& directory);

  mutable std::mutex mutex_;
  std::map<file_id, file> files_;         // guarded by mutex_
  std::map<std::string, file_id> linked_; // guarded by mutex_
  std::map<std::string, file> removed_;   // may come back; guarded by mutex_
  file_id last_id_ = 0;                   // guarded by mutex_
  std::uint64_t sequence_ = 0;            // of the next change; guarded by mutex_
};

} // namespace cortex::testing
