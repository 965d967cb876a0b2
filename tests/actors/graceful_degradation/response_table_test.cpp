// The table in memory against a naive one, and the words of queries.
#include "cortex/graceful_degradation/response_table.hpp"
#include "cortex/graceful_degradation/words.hpp"

#include "manager_fixture.hpp"

#include <algorithm>
#include <random>
#include <set>

namespace testing = cortex::testing;
namespace degraded = cortex::graceful_degradation;

namespace {

/// The same by looking at everything each time.
class naive_table {
public:
  struct row {
    std::string query;
    std::int64_t created = 0;
    std::int64_t hits = 0;
    std::optional<std::int64_t> used{};
  };

  explicit naive_table(std::size_t bound) : bound_(bound) {}

  void put(const std::string& query, std::int64_t now) {
    std::erase_if(rows_, [&](const row& each) { return each.query == query; });
    while (rows_.size() >= bound_)
      rows_.erase(std::min_element(rows_.begin(), rows_.end(), [](const row& a, const row& b) {
        return std::tuple{a.used.has_value(), a.used, a.created}
               < std::tuple{b.used.has_value(), b.used, b.created};
      }));
    rows_.push_back({query, now, 0, {}});
  }
  std::optional<std::int64_t> get(const std::string& query, std::int64_t now) {
    for (auto& each : rows_)
      if (each.query == query) {
        each.used = now;
        return ++each.hits;
      }
    return std::nullopt;
  }
  std::vector<std::string> similar(const std::string& query, std::size_t limit,
                                   std::size_t candidates) const {
    auto ranked = rows_;
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const row& a, const row& b) { return a.hits > b.hits; });
    ranked.resize(std::min(ranked.size(), candidates));
    const auto wanted = degraded::words_of(query);
    const auto score = [&](const row& each) {
      const auto has = degraded::words_of(each.query);
      return std::count_if(wanted.begin(), wanted.end(), [&](std::string_view word) {
        return std::find(has.begin(), has.end(), word) != has.end();
      });
    };
    std::erase_if(ranked, [&](const row& each) { return score(each) == 0; });
    std::stable_sort(ranked.begin(), ranked.end(),
                     [&](const row& a, const row& b) { return score(a) > score(b); });
    std::vector<std::string> out;
    for (const auto& each : ranked)
      if (out.size() < limit)
        out.push_back(each.query);
    return out;
  }
  [[nodiscard]] std::size_t size() const { return rows_.size(); }

private:
  std::size_t bound_;
  std::vector<row> rows_;
};

} // namespace

TEST_CASE("GD-12: the word index gives the entries that a look at all of them gives",
          "[graceful_degradation]") {
  constexpr unsigned seed = 11;
  INFO("seed " << seed);
  std::mt19937 random{seed};
  const auto below = [&](int bound) { return std::uniform_int_distribution{0, bound - 1}(random); };
  const auto some_query = [&] {
    std::string query;
    for (int i = below(4); i >= 0; --i)
      query += (query.empty() ? "w" : " w") + std::to_string(below(12));
    return query;
  };
  degraded::response_table table{60};
  naive_table model{60};

  for (int round = 0; round < 4000; ++round) {
    const auto query = some_query();
    const auto now = round / 3; // equal stamps happen
    switch (below(3)) {
      case 0:
        table.put(query, "r", now);
        model.put(query, now);
        break;
      case 1: {
        const auto got = table.get(query, now * 1'000'000);
        const auto want = model.get(query, now * 1'000'000);
        REQUIRE(got.has_value() == want.has_value());
        if (want)
          CHECK(got->hit_count == *want);
        break;
      }
      default: {
        const auto limit = static_cast<std::size_t>(below(8));
        const auto candidates = below(2) == 0 ? degraded::every_entry
                                              : static_cast<std::size_t>(below(80));
        REQUIRE(testing::queries_of(table.similar(query, limit, candidates))
                == model.similar(query, limit, candidates));
      }
    }
    REQUIRE(table.size() == model.size());
  }
}

TEST_CASE("GD-12: an entry that is not among the most used is found when all are candidates",
          "[graceful_degradation]") {
  degraded::response_table table{1000};
  for (int i = 0; i < 150; ++i) {
    table.put("filler number" + std::to_string(i), "r", i);
    static_cast<void>(table.get("filler number" + std::to_string(i), i));
  }
  table.put("a rare thing", "r", 200);

  CHECK(table.similar("rare thing", 5, 100).empty());
  CHECK(testing::queries_of(table.similar("rare thing", 5, degraded::every_entry))
        == std::vector<std::string>{"a rare thing"});
}

TEST_CASE("hits that could not be written come back to the same row only",
          "[graceful_degradation][errors]") {
  degraded::response_table table{10};
  table.put("a", "r", 1);
  table.put("b", "r", 1);
  static_cast<void>(table.get("a", 5));
  static_cast<void>(table.get("b", 5));
  const auto log = table.take_accesses();
  CHECK(table.pending_hits() == 0);
  table.put("b", "another", 2);

  table.restore_accesses(log);

  const auto again = table.take_accesses();
  REQUIRE(again.size() == 1);
  CHECK(again.front().query_hash == degraded::query{"a"}.hash());
  CHECK(again.front().hits == 1);
}

TEST_CASE("a replaced row forgets the hits that were not written", "[graceful_degradation]") {
  degraded::response_table table{10};
  table.put("a", "r", 1);
  static_cast<void>(table.get("a", 5));
  table.put("a", "r", 1);

  CHECK(table.pending_hits() == 0);
  CHECK(table.total_hits() == 0);
}

TEST_CASE("GD-2: six tenths of all words make two queries alike", "[graceful_degradation]") {
  CHECK(degraded::mostly_common("a b c", "c b a"));
  CHECK(degraded::mostly_common("a b c d", "a b c e"));   // 3 of 5
  CHECK(degraded::mostly_common("a b c d e", "a b c"));   // 3 of 5
  CHECK_FALSE(degraded::mostly_common("a b c", "a b d")); // 2 of 4
  CHECK_FALSE(degraded::mostly_common("install docker", "install nginx"));
  CHECK_FALSE(degraded::mostly_common("", ""));
  CHECK(degraded::mostly_common("a a a b", "a b"));
}
