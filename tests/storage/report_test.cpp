// What databases and pools say of themselves, and that nothing measured goes untold.

#include "cortex/cortex.hpp"
#include "cortex/storage/writer.hpp"

#include "storage/pool_fixture.hpp"
#include "support/child_process.hpp"
#include "support/exposition.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <fstream>
#include <set>
#include <string>
#include <system_error>
#include <vector>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using nlohmann::json;
using storage::lane;

namespace {

struct greet {
  using reply = int;
};
struct greeter {
  using protocol = cortex::protocol<greet>;
  int operator()(const greet&) { return 1; }
};

/// A runtime with one of everything that can be measured.
struct whole_runtime {
  runtime rt = runtime::open().value();
  temp_dir dir;
  std::string path = (dir / "test.db").string();
  storage::database db = storage::database::open(rt, path, beside(pool_of(2))).value();
  storage::connection_pool pool = storage::connection_pool::open(rt, path, pool_of(2)).value();
  handle<greeter::protocol> actor = rt.spawn<greeter>("greeter", [] { return greeter{}; }).value();
};

json service_in(const json& report, const std::string& kind) {
  for (const auto& each : report.at("services"))
    if (each.at("kind") == kind)
      return each;
  return {};
}

std::size_t services(const runtime& rt) {
  return rt.report().services.size();
}

} // namespace

TEST_CASE("a database and a pool tell their numbers in the report of their runtime",
          "[storage][report]") {
  whole_runtime t;
  REQUIRE(execute(t.db, "INSERT INTO item VALUES(1, 'v')"));
  auto held = t.db.lease({.owner = "a \"report\""}).value();
  auto lent = t.pool.borrow().value();
  REQUIRE(insert_item(lent, 2));

  const auto report = t.rt.report();
  const auto in_json = json::parse(to_json(report));
  const exposition in_text{prometheus_text(report)};

  const auto database = service_in(in_json, "database");
  CHECK(database.at("name") == t.path);
  CHECK(database.at("commits_total") == 1);
  CHECK(database.at("commit_seconds").at("count") == 1);
  CHECK(database.at("lane_waiting").at("interactive") == 0);
  CHECK(database.at("pinned_by") == "");
  CHECK(database.at("readers_busy") == 1);
  CHECK(database.at("readers") == 2);
  REQUIRE(database.at("readers_at_work").size() == 1);
  CHECK(database.at("readers_at_work").at(0).at("owner") == "a \"report\"");
  CHECK(database.at("readers_at_work").at(0).at("age_seconds") > 0.0);
  const auto pool = service_in(in_json, "pool");
  CHECK(pool.at("lent") == 1);
  REQUIRE(pool.at("holders").size() == 1);
  CHECK(pool.at("holders").at(0).at("number") == 1);
  CHECK(pool.at("holders").at(0).at("writing") == true);
  CHECK(in_text.value("cortex_database_commits_total", {{"database", t.path}}) == 1);
  CHECK(in_text.value("cortex_database_commit_seconds_count", {{"database", t.path}}) == 1);
  CHECK(in_text.value("cortex_pool_lent", {{"database", t.path}}) == 1);
}

TEST_CASE("the length of the log is told in bytes", "[storage][report]") {
  scratch_database t;
  REQUIRE(execute(t.db, "INSERT INTO item VALUES(1, 'v')"));

  const auto seen = t.db.stats();

  CHECK(seen.wal_pages > 0);
  CHECK(seen.wal_bytes == std::filesystem::file_size(t.path + "-wal"));
  REQUIRE(t.db.checkpoint());
  CHECK(t.db.stats().wal_bytes <= seen.wal_bytes);
}

TEST_CASE("writes that wait are told by lane", "[storage][report]") {
  scratch_pool t{pool_of(1)};
  auto file = storage::database::open(t.path, beside(pool_of(1))).value();
  auto writer = t.borrow();
  REQUIRE(insert_item(writer, 1)); // everybody else waits
  auto write
    = [](storage::transaction& in) { return in.execute("INSERT INTO item(value) VALUES(1)"); };
  std::vector<future<storage::written<storage::changes>>> waiting;
  waiting.push_back(file.write_async(write, storage::write_options{.lane = lane::interactive}));
  waiting.push_back(file.write_async(write, storage::write_options{.lane = lane::bulk}));
  waiting.push_back(file.write_async(write, storage::write_options{.lane = lane::bulk}));

  const auto seen = file.stats();

  CHECK(seen.waiting_writes == 3);
  CHECK(seen.lanes[static_cast<std::size_t>(lane::interactive)].waiting == 1);
  CHECK(seen.lanes[static_cast<std::size_t>(lane::bulk)].waiting == 2);
  REQUIRE(writer.commit());
  for (auto& each : waiting)
    CHECK(each.get());
}

TEST_CASE("what is closed is left out of the report", "[storage][report]") {
  whole_runtime t;
  REQUIRE(services(t.rt) == 2);

  REQUIRE(t.pool.close());
  CHECK(services(t.rt) == 1);
  CHECK(t.pool.describe().kind.empty());
  REQUIRE(t.db.close(default_deadline));
  CHECK(services(t.rt) == 0);
  CHECK(t.db.describe().kind.empty());
}

TEST_CASE("a pool that is gone leaves nothing in its runtime", "[storage][report]") {
  whole_runtime t;

  t.pool = storage::connection_pool::open(t.rt, ":memory:", pool_of(2)).value();

  const auto report = t.rt.report();
  std::multiset<std::string> seen;
  for (const auto& each : report.services)
    seen.insert(each.kind + " " + each.name);
  CHECK(seen
        == std::multiset<std::string>{"database " + t.path, "database :memory:", "pool :memory:"});
}

TEST_CASE("databases in memory are told apart", "[storage][report]") {
  auto rt = runtime::open().value();
  auto a = storage::database::open(rt, ":memory:").value();
  auto b = storage::database::open(rt, ":memory:").value();

  const exposition in_text{prometheus_text(rt.report())}; // throws if a series comes twice

  CHECK(in_text.family("cortex_database_commits_total").all.size() == 2);
}

// -- nothing is forgotten -------------------------------------------------------------------------

// `describe.cpp` and `report.cpp` name every member of the structs, or they do not compile. This
// does the same for what is counted but not in a struct that is told as a whole.
TEST_CASE("each counter of the writer is in the statistics", "[storage][report]") {
  storage::detail::writer_counters counters;
  auto& [groups, writes, failed, slices, largest, reruns, checkpoints, log_resets, wal_pages,
         foreign_changes, acknowledged, readers_named, readers_interrupted, slowed_groups,
         slowed_nanoseconds, commit_time]
    = counters;
  const std::vector<const void*> all{&groups,
                                     &writes,
                                     &failed,
                                     &largest,
                                     &reruns,
                                     &checkpoints,
                                     &log_resets,
                                     &wal_pages,
                                     &foreign_changes,
                                     &slices,
                                     &acknowledged,
                                     &readers_named,
                                     &readers_interrupted,
                                     &slowed_groups,
                                     &slowed_nanoseconds,
                                     &commit_time};
  whole_runtime t;
  const auto report = service_in(json::parse(to_json(t.rt.report())), "database");

  const std::vector<const char*> told{"commits_total",
                                      "writes_total",
                                      "failed_writes_total",
                                      "largest_group",
                                      "reruns_total",
                                      "checkpoints_total",
                                      "log_resets_total",
                                      "wal_pages",
                                      "foreign_changes_total",
                                      "slices_total",
                                      "lane_writes_total",
                                      "readers_named_total",
                                      "readers_interrupted_total",
                                      "slowed_groups_total",
                                      "slowed_seconds_total",
                                      "commit_seconds"};
  REQUIRE(told.size() == all.size());
  for (const auto* name : told) {
    CAPTURE(name);
    CHECK(report.contains(name));
  }
}

TEST_CASE("docs/observability.md lists each metric with its type and meaning", "[report][docs]") {
  whole_runtime t;
  const exposition in_text{prometheus_text(t.rt.report())};
  std::set<std::vector<std::string>> told;
  for (const auto& family : in_text.families())
    told.insert({family.name, family.type, family.help});

  auto listed = documented_metrics();
  // a subsystem's are told where there is one, and tested with it
  std::erase_if(listed, [](const auto& each) { return each[0].starts_with("cortex_progress_"); });

  for (const auto& each : told) {
    CAPTURE(each[0], each[1], each[2]);
    CHECK(listed.contains(each));
  }
  CHECK(listed.size() == told.size());
}

TEST_CASE("each metric has a base unit and a label of few values", "[report]") {
  whole_runtime t;
  const exposition in_text{prometheus_text(t.rt.report())};
  const std::set<std::string> labels{"actor", "state",   "database", "lane",
                                     "le",    "version", "compiler"};

  for (const auto& family : in_text.families()) {
    CAPTURE(family.name);
    CHECK(family.name.starts_with("cortex_"));
    for (const auto* odd : {"_ms", "_us", "_ns", "_millis", "_kb", "_kib", "_percent"})
      CHECK(family.name.find(odd) == std::string::npos);
    CHECK(family.help.ends_with('.'));
    for (const auto& series : family.all)
      for (const auto& [name, value] : series.labels)
        CHECK(labels.contains(name));
  }
}

TEST_CASE("promtool accepts the text", "[report][tools]") {
  whole_runtime t;
  const auto file = t.dir / "metrics.txt";
  std::ofstream{file} << prometheus_text(t.rt.report());

  try {
    child_process promtool{{"promtool", "check", "metrics"}, {}, file.string()};
    const auto ended = promtool.wait();
    REQUIRE(ended);
    CHECK(ended->ok());
  } catch (const std::system_error&) {
    std::puts("cortex test skipped: promtool is not installed");
  }
}

// -- at work --------------------------------------------------------------------------------------

TEST_CASE("a report is read while eight threads use a database", "[storage][report][concurrency]") {
  runtime_options how;
  how.slow_request = 1ns; // each write and read goes through the log of slow ones
  auto rt = runtime::open(how).value();
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  auto db = storage::database::open(rt, path, beside(pool_of(2))).value();
  auto pool = storage::connection_pool::open(rt, path, pool_of(2)).value();
  constexpr int each_does = 50;

  run_threads(9, [&](std::size_t thread) {
    for (int i = 0; i < each_does; ++i) {
      bool good = true;
      if (thread == 0)
        good = exposition{prometheus_text(rt.report())}.families().size() > 1
               && json::accept(to_json(rt.report()));
      else if (thread == 1)
        good = db.read([](storage::snapshot&) {}).has_value();
      else if (thread == 2)
        good = db.read_async([](storage::snapshot&) {}).get().has_value();
      else if (thread == 3) {
        auto lent = pool.borrow();
        good = lent && lent->execute("INSERT INTO item(value) VALUES(?)", i) && lent->commit();
      } else
        good = execute(db, "INSERT INTO item(value) VALUES(?)", i).has_value();
      if (!good)
        throw std::runtime_error{"a thread failed"};
    }
  });

  CHECK(count_of(db, "item") == 6 * each_does);
  const exposition in_text{prometheus_text(rt.report())};
  CHECK(in_text.value("cortex_database_writes_total", {{"database", path}}) == 6 * each_does);
}
