// The index in memory against the plain way: a scan of all texts for each keyword (CM-12).
#include "cortex/context_memory/entry_table.hpp"
#include "cortex/context_memory/keywords.hpp"
#include "cortex/text/unicode.hpp"

#include "support/catch_compat.hpp"

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace memory = cortex::context_memory;
namespace text = cortex::text;

namespace {

/// Every entry with its texts, searched in the way of the original.
class plain_table {
public:
  void insert(const memory::facts& what) { entries_.push_back(what); }
  void erase(const std::vector<std::int64_t>& ids) {
    std::erase_if(entries_, [&](const memory::facts& each) {
      return std::ranges::find(ids, each.id) != ids.end();
    });
  }
  [[nodiscard]] std::vector<std::int64_t> similar(const std::string& context,
                                                  std::size_t limit) const {
    auto sorted = entries_;
    std::ranges::sort(sorted, [](const auto& left, const auto& right) {
      return left.timestamp != right.timestamp ? left.timestamp > right.timestamp
                                               : left.id > right.id;
    });
    std::vector<std::int64_t> out;
    for (const auto& word : memory::keywords(context)) {
      std::size_t found = 0;
      for (const auto& each : sorted) {
        const bool holds = text::to_lower(each.context).find(word) != std::string::npos
                           || text::to_lower(each.action).find(word) != std::string::npos;
        if (!holds || found++ >= limit)
          continue;
        if (std::ranges::find(out, each.id) == out.end())
          out.push_back(each.id);
      }
    }
    out.resize(std::min(out.size(), limit));
    return out;
  }
  [[nodiscard]] const std::vector<memory::facts>& entries() const { return entries_; }

private:
  std::vector<memory::facts> entries_;
};

/// Texts of few words, so that they share many.
class texts {
public:
  explicit texts(unsigned seed) : random_(seed) {}

  std::string words(std::size_t count) {
    static const std::vector<std::string> known{
      "install",  "nginx",    "with",   "without",  "the",    "server",   "reinstall",
      "max_size", "12345",    "234",    "CAFÉ",     "café",   "Straße",   "ΣΟΦΟΣ",
      "σοφός",    "分词安装", "安装",   "a",        "of",     "_private", "ngi",
      "x",        "serve.r",  "withal", "İstanbul", "tar.gz", "install"};
    std::string out;
    for (std::size_t i = 0; i < count; ++i)
      out += (i == 0 ? "" : random_() % 4 == 0 ? "-" : " ") + known[random_() % known.size()];
    return out;
  }
  std::string stamp() {
    const auto second = std::to_string(10 + random_() % 40);
    switch (random_() % 6) {
      case 0: return "2025-12-22T10:00:" + second;
      case 1: return "2025-12-22T10:00:" + second + ".5";
      case 2: return "2025-12-22 10:00:" + second;
      case 3: return "zz" + second;
      default: return "2025-12-22T10:00:" + second + ".000" + std::to_string(100 + random_() % 9);
    }
  }
  std::size_t below(std::size_t end) { return random_() % end; }

private:
  std::mt19937 random_;
};

std::vector<std::int64_t> ids_of(const memory::entry_table& table, const std::string& context,
                                 std::size_t limit) {
  std::vector<std::int64_t> ids;
  for (const auto each : table.similar(context, limit))
    ids.push_back(table.id_of(each));
  return ids;
}

} // namespace

TEST_CASE("CM-12: the index finds what a scan for each keyword finds, in the same order",
          "[context_memory]") {
  const auto seed = GENERATE(1U, 2U, 3U, 4U);
  INFO("seed " << seed);
  texts some{seed};
  plain_table plain;
  memory::entry_table table;
  std::int64_t next = 0;
  const auto make = [&] {
    return memory::facts{++next,        some.stamp(),      some.words(1), some.words(some.below(6)),
                         some.words(2), some.below(3) != 0};
  };
  for (int i = 0; i < 300; ++i) {
    const auto what = make();
    plain.insert(what);
    table.append(what);
  }
  table.sort();

  for (int round = 0; round < 400; ++round) {
    if (some.below(3) == 0 && !plain.entries().empty()) {
      const auto id = plain.entries()[some.below(plain.entries().size())].id;
      plain.erase({id});
      static_cast<void>(table.erase({id}));
    } else {
      const auto what = make();
      plain.insert(what);
      table.insert(what, false);
    }
    const auto context = some.words(1 + some.below(4));
    const auto limit = some.below(12);
    INFO("round " << round << ", '" << context << "', limit " << limit);
    REQUIRE(ids_of(table, context, limit) == plain.similar(context, limit));
  }
  CHECK(table.size() == static_cast<std::int64_t>(plain.entries().size()));
}

TEST_CASE("the index is right after most of it was removed", "[context_memory]") {
  texts some{7};
  plain_table plain;
  memory::entry_table table;
  for (std::int64_t id = 1; id <= 4000; ++id) {
    const memory::facts what{id, some.stamp(), "package", some.words(4), some.words(2), true};
    plain.insert(what);
    table.append(what);
  }
  table.sort();
  std::vector<std::int64_t> gone;
  for (std::int64_t id = 1; id <= 4000; ++id)
    if (id % 5 != 0)
      gone.push_back(id);

  plain.erase(gone);
  static_cast<void>(table.erase(gone));
  for (std::int64_t id = 4001; id <= 4100; ++id) {
    const memory::facts what{id, some.stamp(), "package", some.words(4), some.words(2), true};
    plain.insert(what);
    table.insert(what, false);
  }

  for (int round = 0; round < 100; ++round) {
    const auto context = some.words(3);
    INFO("'" << context << "'");
    REQUIRE(ids_of(table, context, 10) == plain.similar(context, 10));
  }
  CHECK(table.size() == 900);
  CHECK(table.contains(4005));
  CHECK(!table.contains(4));
}

TEST_CASE("an announced entry is counted until it is retracted", "[context_memory]") {
  memory::entry_table table;
  const std::string at = "2025-12-22T10:00:00";
  const auto before = text::parse_local("2025-12-22T09:00:00").value();
  const auto group = table.announce("package", "install nginx", at);
  CHECK(table.count_since(group, before) == 1);
  table.announce("package", "install nginx", at);
  CHECK(table.count_since(group, before) == 2);

  table.insert({1, at, "package", "", "install nginx", true}, true);
  CHECK(table.count_since(group, before) == 2);
  table.retract(group, at);
  CHECK(table.count_since(group, before) == 1);
  CHECK(table.count_since(group, text::parse_local(at).value()) == 0);
  CHECK(table.size() == 1);
  const auto vanished = table.erase({1, 1, 77});
  CHECK(vanished == std::vector{std::pair{std::string{"package"}, std::string{"install nginx"}}});
  CHECK(table.count_since(group, before) == 0);
}
