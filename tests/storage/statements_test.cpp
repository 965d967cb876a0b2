// SQL with parameters and typed rows: every type there and back, cursors, savepoints, scripts.

#include "sql_fixture.hpp"

#include <malloc.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

using namespace cortex;
using namespace cortex::testing;
using namespace std::string_literals;
using storage::blob;
using storage::snapshot;
using storage::transaction;

namespace {

enum class colour : std::uint8_t { red = 3, blue = 250 };

/// What comes back of a value that goes through a table, read as `Out`.
template <class Out, class In>
expected<Out> there_and_back(scratch_database& t, const In& in) {
  auto done = t.db.write([&](transaction& to) -> expected<void> {
    if (auto gone = to.execute("DELETE FROM item"); !gone)
      return unexpected{std::move(gone).error()};
    if (auto put = to.execute("INSERT INTO item VALUES(1, ?)", in); !put)
      return unexpected{std::move(put).error()};
    return {};
  });
  if (!done)
    return unexpected{std::move(done).error()};
  return value_of<Out>(t.db, "SELECT value FROM item");
}

template <class T>
bool same(scratch_database& t, const T& value) {
  auto back = there_and_back<T>(t, value);
  return back && *back == value;
}

blob bytes(std::string_view text) {
  const auto view = std::as_bytes(std::span{text});
  return {view.begin(), view.end()};
}

} // namespace

TEST_CASE("every type of value comes back as it was", "[storage][statements]") {
  scratch_database t;
  using i64 = std::numeric_limits<std::int64_t>;
  using f64 = std::numeric_limits<double>;

  for (const auto value :
       {i64::min(), i64::min() + 1, std::int64_t{-1}, std::int64_t{0}, i64::max()})
    CHECK(same(t, value));
  CHECK(same(t, std::numeric_limits<std::uint64_t>::max()));
  CHECK(same(t, std::int8_t{-128}));
  CHECK(same(t, 'c'));
  CHECK(same(t, true));
  CHECK(same(t, false));
  CHECK(same(t, colour::red));
  CHECK(same(t, colour::blue));
  for (const auto value : {f64::lowest(), f64::max(), f64::min(), f64::denorm_min(), f64::epsilon(),
                           f64::infinity(), -f64::infinity(), 0.1, -0.0})
    CHECK(same(t, value));
  CHECK(same(t, 1.5F));
  for (const auto& value : {""s, "text"s, "nul\0inside"s, "\0"s, "\xc3\xa4\xf0\x9f\x98\x80"s,
                            "'; --"s, std::string(5U << 20U, 'x')})
    CHECK(same(t, value));
  for (const auto& value : {blob{}, bytes("\0\xff\x80"), blob(5U << 20U, std::byte{0xa5})})
    CHECK(same(t, value));
  CHECK(same(t, std::optional<std::string>{"there"}));
  CHECK(same(t, std::optional<std::string>{}));
  CHECK(same(t, std::optional<std::int64_t>{}));
  CHECK(same(t, std::optional<blob>{blob{}}));
  CHECK(same(t, std::optional<colour>{colour::blue}));
}

TEST_CASE("views, literals and null are bound like what they stand for", "[storage][statements]") {
  scratch_database t;
  const char* pointer = "pointer";
  const auto of_bytes = bytes("abc");

  CHECK(there_and_back<std::string>(t, std::string_view{"view"}).value() == "view");
  CHECK(there_and_back<std::string>(t, std::string_view{}).value().empty());
  CHECK(there_and_back<std::string>(t, pointer).value() == "pointer");
  CHECK(there_and_back<std::string>(t, "literal").value() == "literal");
  CHECK(there_and_back<blob>(t, storage::blob_view{of_bytes}).value() == of_bytes);
  CHECK(there_and_back<std::optional<int>>(t, nullptr).value() == std::nullopt);
  CHECK(there_and_back<std::optional<int>>(t, std::nullopt).value() == std::nullopt);
}

TEST_CASE("an empty text and an empty blob are not null", "[storage][statements]") {
  scratch_database t;
  const auto kind
    = [&] { return value_of<std::string>(t.db, "SELECT typeof(value) FROM item").value(); };

  REQUIRE(there_and_back<std::string>(t, std::string_view{}));
  CHECK(kind() == "text");
  REQUIRE(there_and_back<blob>(t, blob{}));
  CHECK(kind() == "blob");
  REQUIRE(there_and_back<int>(t, nullptr));
  CHECK(kind() == "null");
}

TEST_CASE("NaN is stored as NULL", "[storage][statements]") {
  scratch_database t;

  auto back = there_and_back<std::optional<double>>(t, std::numeric_limits<double>::quiet_NaN());

  CHECK(back.value() == std::nullopt);
}

TEST_CASE("NULL reads as 0 or empty where no optional is asked for", "[storage][statements]") {
  scratch_database t;

  CHECK(value_of<std::int64_t>(t.db, "SELECT NULL").value() == 0);
  CHECK(value_of<double>(t.db, "SELECT NULL").value() == 0.0);
  CHECK(value_of<bool>(t.db, "SELECT NULL").value() == false);
  CHECK(value_of<std::string>(t.db, "SELECT NULL").value().empty());
  CHECK(value_of<blob>(t.db, "SELECT NULL").value().empty());
}

TEST_CASE("one gives nothing and value not_found where there is no row", "[storage][statements]") {
  scratch_database t;

  auto row = t.db.read([](snapshot& view) {
    return view.one<int, std::string>("SELECT key, value FROM item WHERE key = ?", 1);
  });

  REQUIRE(row);
  CHECK(*row == std::nullopt);
  CHECK(code_of(value_of<int>(t.db, "SELECT key FROM item")) == errc::not_found);
}

TEST_CASE("rows come as tuples, in order", "[storage][statements]") {
  scratch_database t;
  REQUIRE(execute_script(t.db, "INSERT INTO item VALUES(2, 'b'), (1, 'a')"));

  auto rows = t.db.read([](snapshot& view) {
    return view.all<int, std::string>("SELECT key, value FROM item ORDER BY key");
  });

  using rows_t = std::vector<std::tuple<int, std::string>>;
  CHECK(rows.value() == rows_t{{1, "a"}, {2, "b"}});
}

TEST_CASE("the same query runs inside a loop over itself", "[storage][statements]") {
  scratch_database t;
  REQUIRE(execute_script(t.db, "INSERT INTO item VALUES(1, 0), (2, 0), (3, 0), (4, 0)"));
  constexpr std::string_view sql = "SELECT key FROM item WHERE key > ? ORDER BY key";

  auto pairs = t.db.read([&](snapshot& view) -> expected<int> {
    int triples = 0;
    auto first = view.query(sql, 0);
    while (first && first->next().value()) {
      auto second = view.query(sql, first->current().get<int>(0));
      while (second && second->next().value()) {
        auto third = view.query(sql, second->current().get<int>(0));
        auto done = third->each([&](storage::row) { ++triples; });
        if (!done)
          return unexpected{std::move(done).error()};
      }
    }
    return triples;
  });

  CHECK(pairs.value() == 4);
}

TEST_CASE("a million rows go through a cursor without being kept", "[storage][statements]") {
  scratch_database t;
  const auto before = ::mallinfo2().uordblks;
  std::size_t most = 0;

  auto sum = t.db.read([&](snapshot& view) -> expected<std::int64_t> {
    std::int64_t total = 0;
    auto rows
      = view.query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?) "
                   "SELECT i, 'a text that is long enough to be worth counting' FROM n",
                   1'000'000);
    auto done = rows->each([&](storage::row r) {
      total += r.get<std::int64_t>(0);
      if (total % 4096 == 0)
        most = std::max(most, ::mallinfo2().uordblks);
    });
    return done ? expected<std::int64_t>{total} : unexpected{std::move(done).error()};
  });

  CHECK(sum.value() == 500'000'500'000);
  CHECK(most < before + (std::size_t{8} << 20U));
}

TEST_CASE("a cursor that is not read to its end does no harm", "[storage][statements]") {
  scratch_database t;
  REQUIRE(execute_script(t.db, "INSERT INTO item VALUES(1, 'a'), (2, 'b')"));

  for (int i = 0; i < 300; ++i) {
    auto written = t.db.write([&](transaction& in) -> expected<void> {
      auto rows = in.query("SELECT key FROM item");
      static_cast<void>(rows->next().value());
      auto done = in.execute("UPDATE item SET value = ? WHERE key = 1", i);
      return done ? expected<void>{} : unexpected{std::move(done).error()};
    });
    REQUIRE(written);
    auto seen = t.db.read([](snapshot& view) -> expected<int> {
      auto rows = view.query("SELECT value FROM item ORDER BY key");
      static_cast<void>(rows->next().value());
      return rows->current().get<int>(0);
    });
    REQUIRE(seen.value() == i);
  }
  CHECK(t.db.checkpoint().value() == 0);
}

TEST_CASE("a function that throws with a cursor open leaves the connection usable",
          "[storage][statements][errors]") {
  scratch_database t;
  REQUIRE(execute_script(t.db, "INSERT INTO item VALUES(1, 'a'), (2, 'b')"));
  const auto leave = [](auto& in) -> expected<void> {
    auto rows = in.query("SELECT key FROM item");
    static_cast<void>(rows->next().value());
    throw std::runtime_error{"left"};
  };

  for (int i = 0; i < 10; ++i) {
    CHECK(code_of(t.db.read(leave)) == errc::internal);
    CHECK(code_of(t.db.write(leave)) == errc::internal);
  }

  CHECK(execute(t.db, "DELETE FROM item"));
  CHECK(count_of(t.db, "item") == 0);
}

TEST_CASE("more SQL texts than the cache holds are no different", "[storage][statements]") {
  scratch_database t;

  for (int round = 0; round < 2; ++round)
    for (int i = 0; i < 700; ++i) {
      const auto text = "SELECT ? + " + std::to_string(i);
      REQUIRE(value_of<int>(t.db, text, 1).value() == i + 1);
    }
  auto nested = t.db.read([](snapshot& view) -> expected<int> { // with many in use at once
    std::vector<storage::cursor> open;
    int sum = 0;
    for (int i = 0; i < 600; ++i) {
      auto rows = view.query("SELECT 1 + " + std::to_string(i % 300));
      static_cast<void>(rows->next().value());
      open.push_back(*std::move(rows));
    }
    for (auto& rows : open)
      sum += rows.current().get<int>(0);
    return sum;
  });

  CHECK(nested.value() == 2 * 300 * 301 / 2);
}

TEST_CASE("execute tells the rows changed and the newest id", "[storage][statements]") {
  scratch_database t;

  auto inserted = execute(t.db, "INSERT INTO item VALUES(41, 'a'), (42, 'b')");
  auto updated = execute(t.db, "UPDATE item SET value = 'c' WHERE key > ?", 0);
  auto none = execute(t.db, "DELETE FROM item WHERE key = 7");
  auto query = execute(t.db, "SELECT * FROM item");
  auto returning = execute(t.db, "DELETE FROM item RETURNING key");

  CHECK(inserted.value().value.rows == 2);
  CHECK(inserted.value().value.last_id == 42);
  CHECK(updated.value().value.rows == 2);
  CHECK(none.value().value.rows == 0);
  CHECK(query.value().value.rows == 0);
  CHECK(returning.value().value.rows == 2);
  CHECK(count_of(t.db, "item") == 0);
}

TEST_CASE("execute_many runs once for each tuple and stops at the first error",
          "[storage][statements]") {
  scratch_database t;
  std::vector<std::tuple<int, std::string>> rows;
  for (int i = 0; i < 1000; ++i)
    rows.emplace_back(i, "value " + std::to_string(i));
  const auto insert
    = [&](transaction& in) { return in.execute_many("INSERT INTO item VALUES(?, ?)", rows); };

  CHECK(t.db.write(insert).value().value == 1000);
  CHECK(code_of(t.db.write(insert)) == errc::constraint);
  CHECK(count_of(t.db, "item") == 1000);
  rows.clear();
  CHECK(t.db.write(insert).value().value == 0);
}

TEST_CASE("a script runs all of its statements", "[storage][statements]") {
  scratch_database t;

  REQUIRE(execute_script(t.db, "-- begins with a comment\nCREATE TABLE a(x); ;; /* between */\n"
                               "INSERT INTO a VALUES('; no end'); SELECT * FROM a;\n"
                               "CREATE TRIGGER g AFTER INSERT ON a BEGIN DELETE FROM item; INSERT "
                               "INTO item VALUES(1, 1); END;\nINSERT INTO a VALUES(2) -- the end"));
  CHECK(execute_script(t.db, ""));
  CHECK(execute_script(t.db, " ; -- nothing\n"));

  CHECK(count_of(t.db, "a") == 2);
  CHECK(count_of(t.db, "item") == 1);
}

TEST_CASE("a script that fails is undone as a whole", "[storage][statements][errors]") {
  scratch_database t;
  const auto script = GENERATE("INSERT INTO item VALUES(1, 1); INSERT INTO item VALUES(1, 1)"s,
                               "INSERT INTO item VALUES(1, 1); NONSENSE"s,
                               "INSERT INTO item VALUES(1, 1); COMMIT"s,
                               "INSERT INTO item VALUES(1, 1);\0 INSERT INTO item VALUES(2, 2)"s,
                               "INSERT INTO item VALUES(1, ?)"s);

  CHECK_FALSE(execute_script(t.db, script));

  CHECK(count_of(t.db, "item") == 0);
}

TEST_CASE("a savepoint keeps what succeeds and undoes what fails", "[storage][statements]") {
  scratch_database t;

  auto done = t.db.write([](transaction& in) -> expected<int> {
    const auto insert = [&in](int key, bool good) {
      return in.savepoint([&]() -> expected<int> {
        static_cast<void>(in.execute("INSERT INTO item VALUES(?, 0)", key).value());
        return good ? expected<int>{key} : fail(errc::not_found, "undo");
      });
    };
    if (insert(1, true).value() != 1)
      return fail(errc::internal);
    if (code_of(insert(2, false)) != errc::not_found)
      return fail(errc::internal);
    auto outer = in.savepoint([&]() -> expected<void> {
      static_cast<void>(insert(3, true));
      static_cast<void>(insert(4, false));
      return {};
    });
    auto undone = in.savepoint([&]() -> expected<void> {
      static_cast<void>(insert(5, true));
      static_cast<void>(insert(6, false));
      return fail(errc::not_found);
    });
    return outer && !undone ? expected<int>{7} : fail(errc::internal);
  });

  CHECK(done.value().value == 7);
  auto keys = value_of<std::string>(t.db, "SELECT group_concat(key) FROM item");
  CHECK(keys.value() == "1,3");
}

TEST_CASE("a savepoint that is left by an exception undoes the whole write",
          "[storage][statements][errors]") {
  scratch_database t;

  auto done = t.db.write([](transaction& in) {
    return in.savepoint([&]() -> expected<void> {
      static_cast<void>(in.execute("INSERT INTO item VALUES(1, 1)").value());
      throw std::runtime_error{"out"};
    });
  });

  CHECK(code_of(done) == errc::internal);
  CHECK(count_of(t.db, "item") == 0);
}

TEST_CASE("a savepoint left by an exception that the write catches is not kept",
          "[storage][statements][errors]") {
  scratch_database t;

  auto done = t.db.write([](transaction& in) -> expected<void> {
    try {
      static_cast<void>(in.savepoint([&]() -> expected<void> {
        static_cast<void>(in.execute("INSERT INTO item VALUES(1, 1)").value());
        throw std::runtime_error{"out"};
      }));
    } catch (const std::runtime_error&) {
    }
    auto second = in.execute("INSERT INTO item VALUES(2, 2)");
    return second ? expected<void>{} : unexpected{std::move(second).error()};
  });

  CHECK(done);
  CHECK(value_of<std::string>(t.db, "SELECT group_concat(key) FROM item").value() == "2");
}
