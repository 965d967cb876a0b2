#include "support/catch_compat.hpp"
#include "support/child_process.hpp"
#include "support/sqlite_probe.hpp"
#include "support/temp_dir.hpp"
#include "support/wait.hpp"

#include <sqlite3.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>

using namespace cortex::testing;

namespace {

using rows = std::map<std::int64_t, std::string>;

/// What was acknowledged: the whole lines of the log. A last line without its end is none.
rows acknowledged(const std::string& log) {
  rows out;
  for (std::size_t begin = 0;;) {
    const auto end = log.find('\n', begin);
    if (end == std::string::npos)
      return out;
    const auto line = log.substr(begin, end - begin);
    const auto quote = line.find("\"v\": \"");
    REQUIRE(line.starts_with("{\"k\": "));
    REQUIRE(quote != std::string::npos);
    REQUIRE(line.ends_with("\"}"));
    const auto value = quote + 6;
    out[std::stoll(line.substr(6))] = line.substr(value, line.size() - 2 - value);
    begin = end + 1;
  }
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::uintmax_t size_of(const std::filesystem::path& path) {
  std::error_code none;
  const auto size = std::filesystem::file_size(path, none);
  return none ? 0 : size;
}

rows stored(sqlite_probe& in) {
  sqlite3_stmt* raw = nullptr;
  REQUIRE(sqlite3_prepare_v2(in.raw(), "SELECT key, value FROM ack", -1, &raw, nullptr)
          == SQLITE_OK);
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> query{raw, sqlite3_finalize};
  rows out;
  while (sqlite3_step(raw) == SQLITE_ROW)
    out[sqlite3_column_int64(raw, 0)] = reinterpret_cast<const char*>(sqlite3_column_text(raw, 1));
  return out;
}

/// Kills a writing process again and again, each time when its log has grown by a random size.
void kill_often(std::size_t rounds, std::uint64_t seed) {
  constexpr int threads = 4;
  temp_dir dir;
  const auto db = dir / "ack.db";
  const auto acks = dir / "acks";
  std::mt19937_64 random{seed};
  std::size_t known = 0;

  for (std::size_t round = 0; round < rounds; ++round) {
    const auto grow = random() % 40'000;
    CAPTURE(seed, round, grow);
    const auto target = size_of(acks) + grow;
    child_process writer{{CORTEX_ACK_WRITER, "--db", db.string(), "--acks", acks.string(),
                          "--threads", std::to_string(threads), "--writes", "100000000",
                          "--durability", random() % 2 == 0 ? "synced" : "committed", "--seed",
                          std::to_string(random())}};
    REQUIRE(eventually([&] { return size_of(acks) > target; }));
    writer.kill();
    const auto end = writer.wait();
    REQUIRE(end);
    REQUIRE(end->signal == SIGKILL);

    const auto log = read_file(acks);
    const auto promised = acknowledged(log);
    sqlite_probe probe{db, sqlite_probe::access::read_write};
    const auto kept = stored(probe);
    CHECK(probe.integrity_check() == "ok");
    std::size_t missing = 0;
    for (const auto& [key, value] : promised) {
      const auto found = kept.find(key);
      missing += found == kept.end() || found->second != value ? 1 : 0;
    }
    CHECK(missing == 0);
    CHECK(promised.size() > known); // every life got somewhere
    CHECK(kept.size() <= promised.size() + threads * (round + 1));
    known = promised.size();
    std::filesystem::resize_file(acks, log.rfind('\n') + 1); // nobody continues a torn line
  }

  WARN("seed " << seed << ": " << rounds << " kills, " << known << " rows acknowledged, 0 lost");
  CHECK(known > 0);
}

} // namespace

TEST_CASE("a torn last line of the log is no acknowledgement", "[storage][crash]") {
  CHECK(acknowledged("").empty());
  CHECK(acknowledged("{\"k\": 1, \"v\": \"a\"}").empty());
  CHECK(acknowledged("{\"k\": 1, \"v\": \"a\"}\n{\"k\": 2, \"v\"") == rows{{1, "a"}});
}

TEST_CASE("a writer that runs to its end has acknowledged each of its rows", "[storage][crash]") {
  temp_dir dir;
  for (int life = 1; life <= 2; ++life) {
    child_process writer{{CORTEX_ACK_WRITER, "--db", (dir / "ack.db").string(), "--acks",
                          (dir / "acks").string(), "--threads", "3", "--writes", "20",
                          "--durability", "synced", "--seed", std::to_string(life)}};
    const auto end = writer.wait();
    REQUIRE(end);
    REQUIRE(end->ok());
    sqlite_probe probe{dir / "ack.db"};
    CHECK(acknowledged(read_file(dir / "acks")) == stored(probe));
    CHECK(stored(probe).size() == static_cast<std::size_t>(life) * 60);
  }
}

TEST_CASE("kill -9 takes no row that was acknowledged", "[storage][crash][recovery]") {
  kill_often(20, 1);
}

TEST_CASE("kill -9 takes no row that was acknowledged, 100 times", "[.nightly][storage]") {
  kill_often(100, 2);
}
