// The recorded results of the parts: keywords, ids, stamps, texts, numbers.
#include "cortex/context_memory/keywords.hpp"
#include "cortex/context_memory/suggestions.hpp"
#include "cortex/context_memory/summary.hpp"

#include "memory_fixture.hpp"
#include "memory_vectors.hpp"

#include <string>

namespace testing = cortex::testing;
namespace memory = cortex::context_memory;
using cortex::json;
using testing::at;
using testing::int_at;
using testing::list_at;
using testing::text_at;

namespace {

/// Runs `check` for each case of a group.
template <class Check>
void each_case(const std::string& group, Check check) {
  testing::case_counter counter{"context_memory/" + group};
  const auto vectors = testing::read_memory_vectors();
  for (const auto& each : list_at(vectors, group)) {
    INFO(each.dump());
    if (const auto defects = testing::memory_defects(each); !defects.empty()) {
      counter.skipped(defects);
      continue;
    }
    check(each);
    counter.ran();
  }
  counter.require_any();
}

} // namespace

TEST_CASE("keywords are the recorded ones", "[context_memory][vectors]") {
  each_case("keywords", [](const json& each) {
    CHECK(json::array_of(memory::keywords(text_at(each, "text"))) == at(each, "keywords"));
  });
}

TEST_CASE("a pattern's id is the recorded one", "[context_memory][vectors]") {
  each_case("pattern_id", [](const json& each) {
    CHECK(memory::pattern_id_of(text_at(each, "category"), text_at(each, "action"))
          == text_at(each, "id"));
  });
}

TEST_CASE("a suggestion's id is the recorded one", "[context_memory][vectors]") {
  each_case("suggestion_id", [](const json& each) {
    CHECK(memory::suggestion_id_of({text_at(each, "type"), text_at(each, "identifier")},
                                   text_at(each, "local_date"))
          == text_at(each, "id"));
  });
}

TEST_CASE("a stamp of the memory is the recorded one", "[context_memory][vectors]") {
  each_case("timestamp", [](const json& each) {
    const auto instant = cortex::text::parse_local(text_at(each, "clock") + "Z");
    REQUIRE(instant);
    CHECK(cortex::text::format_local(*instant) == text_at(each, "timestamp"));
  });
}

TEST_CASE("a value's text in the memory is the recorded one", "[context_memory][vectors]") {
  each_case("json_text",
            [](const json& each) { CHECK(at(each, "value").dump() == text_at(each, "text")); });
}

TEST_CASE("a success rate is the recorded one", "[context_memory][vectors]") {
  each_case("success_rate", [](const json& each) {
    const json rate = memory::percent(int_at(each, "ok"), int_at(each, "total"));
    CHECK(rate.dump() == text_at(each, "text"));
  });
}

TEST_CASE("a pattern's confidence grows as it was recorded", "[context_memory][vectors]") {
  testing::memory_fixture t;
  const auto opened = t.open();
  std::int64_t recorded = 0;
  each_case("pattern_confidence_by_occurrence", [&](const json& each) {
    for (; recorded < int_at(each, "n"); ++recorded)
      testing::record_in(opened, "package", "", "install nginx");
    const auto found = testing::all_patterns(opened);
    REQUIRE(found.size() == 1);
    CHECK(json{found.front().confidence}.dump() == text_at(each, "text"));
  });
}
