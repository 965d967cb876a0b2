/// What the tests of backup and restore share: what lies in a folder, and files to damage.
#pragma once

#include "sql_fixture.hpp"

#include <sqlite3.h>

#include <fstream>
#include <map>
#include <set>

namespace cortex::testing {

inline std::set<std::string> names_in(const std::filesystem::path& folder) {
  std::set<std::string> out;
  for (const auto& each : std::filesystem::directory_iterator{folder})
    out.insert(each.path().filename().string());
  return out;
}

using rows = std::map<std::int64_t, std::string>;

/// Rows of `item` in a file that nobody has open, seen past everything under test.
inline rows rows_of(const std::filesystem::path& file) {
  sqlite_probe probe{file, sqlite_probe::access::read_write};
  REQUIRE(probe.integrity_check() == "ok");
  rows out;
  sqlite3_exec(
    probe.raw(), "SELECT key, value FROM item",
    [](void* to, int, char** columns, char**) {
      static_cast<rows*>(to)->emplace(std::stoll(columns[0]), columns[1]);
      return 0;
    },
    &out, nullptr);
  return out;
}

/// Inserts rows `first` to `last` in one write, each about 1 KiB.
inline void fill(const storage::database& db, std::int64_t first, std::int64_t last,
                 const std::string& word = "v") {
  auto same = db;
  REQUIRE(same.write([&](storage::transaction& in) -> expected<void> {
    for (auto key = first; key <= last; ++key)
      if (auto done = in.execute("INSERT INTO item VALUES(?, ?)", key,
                                 word + std::to_string(key) + std::string(1000, '.'));
          !done)
        return unexpected{std::move(done).error()};
    return {};
  }));
}

/// Spoils a page of a file that nobody has open.
inline void damage_page(const std::filesystem::path& file, int page) {
  std::fstream out{file, std::ios::in | std::ios::out | std::ios::binary};
  out.seekp((page - 1) * 4096);
  out << std::string(64, '\xff');
  REQUIRE(out.good());
}

inline storage::backup_options page_by_page() {
  storage::backup_options out;
  out.pages_per_step = 1;
  return out;
}

/// A database of about 30 pages beside an empty folder for copies.
struct source_database : scratch_database {
  explicit source_database(const storage::database_options& how = with_items())
    : scratch_database{how} {
    fill(db, 1, 100);
  }

  bool left_nothing() const { return names_in(copies.path()).empty(); }

  temp_dir copies;
  std::string target = (copies / "copy.db").string();
};

} // namespace cortex::testing
