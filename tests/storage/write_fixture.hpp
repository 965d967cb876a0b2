/// What the tests of the writer share: a database on a fault VFS with one table, and writes for it.
#pragma once

#include "cortex/database.hpp"

#include "support/catch_compat.hpp"
#include "support/fault_vfs.hpp"
#include "support/sqlite_probe.hpp"
#include "support/temp_dir.hpp"
#include "support/wait.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace cortex::testing {

using row_id = std::int64_t;
using reply = expected<storage::written<storage::changes>>;
using pending = future<storage::written<storage::changes>>;

/// Inserts one row; a row of that key is a `constraint`.
inline auto insert(row_id key, std::string value = "v") {
  return [key, value = std::move(value)](storage::transaction& in) {
    return in.execute("INSERT INTO item(key, value) VALUES(?, ?)", key, value);
  };
}

/// The defaults, and what `set` changes of them.
template <class F>
storage::database_options options(F set) {
  storage::database_options out;
  set(out);
  return out;
}

/// A database of `item(key, value)` in a folder of its own.
class item_database {
public:
  explicit item_database(storage::database_options how = {}, fault_vfs_options faults = {},
                         const runtime* on = nullptr)
    : vfs{faults}, db{open(std::move(how), on)} {}

  static storage::schema schema() {
    storage::schema out;
    out.base = "CREATE TABLE IF NOT EXISTS item(key INTEGER PRIMARY KEY, value)";
    return out;
  }

  std::filesystem::path file() const { return dir / "item.db"; }

  /// What is in the file now, seen by a connection of the test's own.
  std::set<row_id> keys() const {
    std::set<row_id> out;
    auto same = db;
    auto rows
      = same.read([](storage::snapshot& view) { return view.all<row_id>("SELECT key FROM item"); });
    REQUIRE(rows);
    out.insert(rows->begin(), rows->end());
    return out;
  }

  /// Starts a write of the row `key` and holds its commit in the VFS.
  pending hold_commit(row_id key) {
    vfs.hold_next_write(file_role::wal);
    auto first = db.write_async(insert(key));
    REQUIRE(vfs.wait_until_held());
    return first;
  }

  /// Queues one write for each key.
  std::vector<pending> queue(row_id first, std::size_t count,
                             std::optional<storage::write_options> how = {}) {
    std::vector<pending> out;
    for (std::size_t i = 0; i < count; ++i)
      out.push_back(db.write_async(insert(first + static_cast<row_id>(i)), how));
    return out;
  }

  temp_dir dir;
  fault_vfs vfs;
  storage::database db;

private:
  storage::database open(storage::database_options how, const runtime* on) const {
    how.vfs = vfs.name();
    how.schema = schema();
    auto opened = on != nullptr ? storage::database::open(*on, file().string(), how)
                                : storage::database::open(file().string(), how);
    return std::move(opened).value();
  }
};

inline bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The answer of each, in order; fails the test if one does not come.
template <class T>
std::vector<expected<T>> answers(std::vector<future<T>>& of) {
  std::vector<expected<T>> out;
  for (auto& each : of) {
    REQUIRE(each.wait_for(default_deadline));
    out.push_back(each.get());
  }
  return out;
}

} // namespace cortex::testing
