#include "records.hpp"

#include <algorithm>
#include <string>

namespace cortex::bench {
namespace {

constexpr const char* schema = "CREATE TABLE record("
                               "  id INTEGER PRIMARY KEY,"
                               "  key TEXT NOT NULL,"
                               "  payload BLOB NOT NULL);"
                               "CREATE UNIQUE INDEX record_key ON record(key);"
                               "CREATE TABLE log("
                               "  id INTEGER PRIMARY KEY,"
                               "  thread INTEGER NOT NULL,"
                               "  sequence INTEGER NOT NULL,"
                               "  payload BLOB NOT NULL);"
                               "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT NOT NULL);";

/// The payload of a record: its key, filled up.
std::string record_payload(const record_key& key) {
  std::string bytes{key.text()};
  bytes.resize(payload_bytes, 'x');
  return bytes;
}

std::filesystem::path make_file(const std::filesystem::path& file, unsigned records) {
  const connection database{file, sync_level::normal};
  database.execute(schema);
  database.execute("BEGIN");
  auto insert = database.prepare("INSERT INTO record(key, payload) VALUES(?, ?)");
  for (unsigned i = 0; i < records; ++i) {
    const record_key key{i};
    const auto bytes = record_payload(key);
    insert.bind(1, key.text()).bind_blob(2, bytes).run();
  }
  auto insert_item = database.prepare("INSERT INTO item(name) VALUES('item')");
  for (std::int64_t i = 0; i < item_count; ++i)
    insert_item.run();
  database.execute("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
  return file;
}

} // namespace

record_key::record_key(unsigned number) noexcept
  : text_{'k', 'e', 'y', '-', '0', '0', '0', '0', '0', '0', '0', '0'} {
  for (auto at = text_.size(); number != 0 && at > 4; number /= 10)
    text_[--at] = static_cast<char>('0' + number % 10);
}

std::string_view payload() noexcept {
  static const std::string bytes(payload_bytes, 'y');
  return bytes;
}

record_files::record_files(const std::filesystem::path& directory)
  : empty_(make_file(directory / "empty.db", 0)),
    full_(make_file(directory / "records.db", record_count)) {}

std::filesystem::path record_files::copy_to(const std::filesystem::path& directory,
                                            bool with_records) const {
  auto target = directory / "records.db";
  std::filesystem::copy_file(with_records ? full_ : empty_, target);
  return target;
}

std::uint64_t count_lost(const std::filesystem::path& file,
                         const std::vector<write_tally>& tallies) {
  std::vector<std::vector<bool>> expected;
  std::uint64_t missing = 0;
  for (const auto& tally : tallies) {
    auto& mine = expected.emplace_back(tally.next, true);
    for (const auto sequence : tally.unacknowledged)
      mine[sequence] = false;
    missing += tally.next - tally.unacknowledged.size();
  }

  const connection database{file, sync_level::normal};
  auto rows = database.prepare("SELECT thread, sequence FROM log");
  while (rows.step() == SQLITE_ROW) {
    const auto thread = static_cast<std::size_t>(rows.integer(0));
    const auto sequence = static_cast<std::size_t>(rows.integer(1));
    if (thread < expected.size() && sequence < expected[thread].size()
        && expected[thread][sequence]) {
      expected[thread][sequence] = false;
      --missing;
    }
  }
  return missing;
}

} // namespace cortex::bench
