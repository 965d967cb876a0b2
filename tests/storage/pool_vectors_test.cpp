// The recorded lending sequences, settings and file of the original, on a clock moved by hand.

#include "storage/pool_fixture.hpp"
#include "support/vectors.hpp"

#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using nlohmann::json;
using storage::connection_pool;
using storage::pooled_connection;

namespace {

std::chrono::nanoseconds seconds_of(const json& value) {
  return std::chrono::nanoseconds{std::llround(value.get<double>() * 1e9)};
}

/// A borrow and how long it took on the pool's own clock.
struct taken {
  expected<pooled_connection> connection;
  std::chrono::nanoseconds elapsed{0};
};

// A borrow that has to wait: time goes on until just before its end, and then to it.
taken wait_for_connection(timed_pool& t) {
  const auto began = t.clock.now();
  std::optional<expected<pooled_connection>> out;
  std::thread borrower{[&] { out.emplace(t.pool.borrow()); }};
  CHECK(eventually([&] { return t.pool.stats().waiting == 1; }));
  const auto timeout = t.pool.options().timeout;
  t.clock.advance(timeout - 1ms);
  CHECK(t.clock.seen_again());
  CHECK(t.pool.stats().waiting == 1);
  t.clock.advance(1ms);
  borrower.join();
  return {*std::move(out), t.clock.now() - began};
}

taken take(timed_pool& t) {
  const auto now = t.pool.stats();
  if (now.idle == 0 && !t.pool.closed())
    return wait_for_connection(t);
  return {t.pool.borrow(), 0ns};
}

void check_taken(const taken& got, const json& expect) {
  if (!expect.contains("error")) {
    REQUIRE(got.connection);
    CHECK(got.connection->number() == expect.at("connection").get<std::uint32_t>());
    return;
  }
  REQUIRE_FALSE(got.connection);
  CHECK(to_string(got.connection.error().code) == expect.at("error").get<std::string>());
  CHECK(got.elapsed >= seconds_of(expect.at("elapsed_min_s")));
  for (const auto& part : expect.at("message_contains"))
    CHECK(has(got.connection.error().detail, part.get<std::string>()));
}

void give_after_error(std::optional<pooled_connection>& held) {
  try {
    const auto scope = *std::exchange(held, std::nullopt);
    throw std::runtime_error{"by the borrower"};
  } catch (const std::runtime_error& passed_on) {
    CHECK(std::string{passed_on.what()} == "by the borrower");
  }
}

using holders = std::map<std::string, std::optional<pooled_connection>>;

void run_step(timed_pool& t, holders& by, const json& step, bool compare) {
  const auto operation = step.at("op").get<std::string>();
  if (operation == "take") {
    auto got = take(t);
    if (compare)
      check_taken(got, step.at("expect"));
    if (got.connection)
      by[step.at("as")].emplace(*std::move(got.connection));
  } else if (operation == "give") {
    by[step.at("as")].reset();
  } else if (operation == "give_after_error") {
    if (by[step.at("as")])
      give_after_error(by[step.at("as")]);
  } else if (operation == "idle") {
    if (compare)
      CHECK(t.pool.stats().idle == step.at("expect").get<std::size_t>());
  } else if (operation == "close_all") {
    const auto done = t.pool.close(0ns);
    REQUIRE(done);
    if (compare)
      CHECK(done->closed == step.at("expect_closed").get<std::size_t>());
  } else {
    FAIL("unknown step " << operation);
  }
}

// Flagged sequences run as well, but what the original did there is not compared.
void play(const json& sequence, case_counter& counter) {
  const auto defects = defects_of(sequence);
  if (defects.empty())
    counter.ran();
  else
    counter.skipped(defects);
  auto how
    = pool_of(sequence.at("pool_size").get<std::size_t>(), seconds_of(sequence.at("timeout_s")));
  if (!defects.empty() && !validate(how))
    return;
  timed_pool t{how};
  holders by;
  for (const auto& step : sequence.at("steps")) {
    INFO("step " << step.dump());
    run_step(t, by, step, defects.empty() && defects_of(step).empty());
  }
}

json rows_of(pooled_connection& held, const std::string& table, const json& columns) {
  std::string list;
  for (const auto& name : columns)
    list += (list.empty() ? "" : ", ") + name.get<std::string>();
  auto rows = json::array();
  auto read = held.read([&](storage::snapshot& view) -> expected<void> {
    auto query = view.query("SELECT " + list + " FROM " + table + " ORDER BY 1");
    if (!query)
      return unexpected{std::move(query).error()};
    return query->each([&](storage::row at) {
      auto values = json::array();
      for (int i = 0; i < at.size(); ++i)
        values.push_back(at.get<std::string>(i));
      rows.push_back(std::move(values));
    });
  });
  REQUIRE(read);
  return rows;
}

// As texts: what type a value has is the table's business.
json as_texts(const json& rows) {
  auto out = json::array();
  for (const auto& row : rows) {
    auto values = json::array();
    for (const auto& value : row)
      values.push_back(value.is_string() ? value.get<std::string>()
                       : value.is_null() ? std::string{}
                                         : value.dump());
    out.push_back(std::move(values));
  }
  return out;
}

void check_columns(pooled_connection& held, const std::string& table, const json& columns) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto& column = columns[i];
    INFO(table << " " << column.dump());
    const auto made = held.one<std::string, std::string, bool, std::optional<std::string>, int>(
      "SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info(?) WHERE cid = ?",
      table, i);
    REQUIRE(made);
    REQUIRE(*made);
    const auto& [name, type, not_null, fallback, primary] = **made;
    CHECK(name == column.at("name").get<std::string>());
    CHECK(type == column.at("type").get<std::string>());
    CHECK(not_null == column.at("not_null").get<bool>());
    CHECK((fallback ? json(*fallback) : json{}) == column.at("default"));
    CHECK(primary == column.at("pk").get<int>());
  }
}

/// A copy of the original's file, and a pool on it.
struct recorded_pool {
  explicit recorded_pool(const json& recorded) {
    std::filesystem::copy_file(vector_folder() / recorded.at("file").get<std::string>(), path);
    std::filesystem::permissions(path, std::filesystem::perms::owner_write,
                                 std::filesystem::perm_options::add);
    pool.emplace(connection_pool::open(path).value());
  }

  temp_dir dir;
  std::string path = (dir / "recorded.db").string();
  std::optional<connection_pool> pool;
};

} // namespace

TEST_CASE("a pool lends, refuses and counts as in the recorded sequences", "[pool][vectors]") {
  case_counter counter{"db_pool/sequences"};
  for (const auto& sequence : read_vectors("db_pool", "sequences")) {
    INFO("sequence " << sequence.at("name"));
    play(sequence, counter);
  }
  counter.require_any();
}

TEST_CASE("a lent connection has the recorded settings", "[pool][vectors]") {
  case_counter counter{"db_pool/connection_settings"};
  const auto wanted = read_vectors("db_pool", "connection_settings");
  scratch_pool t{pool_of(2, std::chrono::milliseconds{wanted.at("busy_timeout").get<int>()})};
  auto held = t.borrow();

  const auto got = held.settings();

  REQUIRE(got);
  const json as_recorded{{"journal_mode", got->journal_mode}, {"synchronous", got->synchronous},
                         {"cache_size", got->cache_size},     {"temp_store", got->temp_store},
                         {"foreign_keys", got->foreign_keys}, {"busy_timeout", got->busy_timeout},
                         {"page_size", got->page_size},       {"encoding", got->encoding},
                         {"auto_vacuum", got->auto_vacuum}};
  for (const auto& [name, value] : wanted.items()) {
    INFO(name);
    if (name == "wal_autocheckpoint") { // checkpoints are the writer's own business
      counter.skipped("only the writer checkpoints");
      continue;
    }
    CHECK(as_recorded.at(name) == value);
    counter.ran();
  }
  const auto header = sqlite_probe{t.path}.header();
  CHECK(header[18] == 2);
  CHECK(header[19] == 2);
  counter.require_any();
}

TEST_CASE("a pool shows the tables and rows of a file of the original", "[pool][vectors]") {
  case_counter counter{"db_pool/database"};
  const auto recorded = read_vectors("db_pool", "database");
  recorded_pool t{recorded};
  auto held = t.pool->borrow().value();

  for (const auto& [table, content] : recorded.at("tables").items()) {
    INFO("table " << table);
    check_columns(held, table, content.at("columns"));
    CHECK(rows_of(held, table, content.at("row_columns")) == as_texts(content.at("rows")));
    counter.ran();
  }
  counter.require_any();
  CHECK(recorded.value("probes", json::array()).empty());
}

TEST_CASE("a file of the original goes on where the original left it", "[pool][vectors]") {
  const auto recorded = read_vectors("db_pool", "database");
  recorded_pool t{recorded};
  const auto& tables = recorded.at("tables");
  const std::string table = tables.begin().key();
  const auto& content = tables.begin().value();
  const auto before = content.at("rows").size();
  {
    auto held = t.pool->borrow().value();
    REQUIRE(held.execute("INSERT INTO " + table + " DEFAULT VALUES"));
    REQUIRE(held.commit());
  }
  t.pool.reset();

  CHECK(sqlite_probe{t.path}.count(table) == static_cast<std::int64_t>(before) + 1);
  CHECK(sqlite_probe{t.path}.integrity_check() == "ok");
}
