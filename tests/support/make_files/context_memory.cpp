#include "cortex/context_memory.hpp"

#include "cortex/clock.hpp"

#include "support/make_files/make_files.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>

namespace memory = cortex::context_memory;
using cortex::json;
using cortex::manual_wall_clock;
using cortex::testing::need;

namespace {

constexpr std::array<const char*, 8> texts{"",
                                           "Install nginx for web",
                                           "caf\u00e9 \u4e2d\u6587 \U0001F680 \"q\" \\ \n\t",
                                           "snake_case and kebab-case",
                                           "\u0130stanbul \u03A3\u039F\u03A6\u039F\u03A3",
                                           "a/b \u007f \u2028",
                                           "postgres 16.1",
                                           "x"};

json metadata_of(int number) {
  switch (number % 5) {
    case 0: return json::object();
    case 1:
      return json::object({{"big", json::integer("12345678901234567890123").value()},
                           {"real", 1e16},
                           {"small", 1e-05},
                           {"minus", -0.0}});
    case 2: return json::object({{"z", 1}, {"a", json::array({1, 2.0, nullptr, true})}, {"", ""}});
    case 3:
      return json::object({{"inf", std::numeric_limits<double>::infinity()}, {"t", texts[2]}});
    default:
      return json::object({{"deep", json::array({json::array({json::object({{"k", 1}})})})},
                           {"limit", std::numeric_limits<std::int64_t>::min()}});
  }
}

void record_entries(const memory::memory& to, manual_wall_clock& clock) {
  for (int i = 0; i < 40; ++i) {
    clock.advance(std::chrono::microseconds{i % 3 == 0 ? 1'000'000 : 1'500'001});
    memory::entry what;
    what.category = i % 4 == 0 ? "package" : i % 4 == 1 ? "command" : i % 4 == 2 ? "" : "caf\u00e9";
    what.context = texts[static_cast<std::size_t>(i) % texts.size()];
    what.action = i % 4 == 0   ? "apt install nginx"
                  : i % 8 == 1 ? "caf\u00e9 restart"
                               : texts[static_cast<std::size_t>(i / 4) % texts.size()];
    what.result = i % 7 == 0 ? "" : texts[static_cast<std::size_t>(i + 3) % texts.size()];
    what.success = i % 5 != 0;
    what.confidence = i % 6 == 0 ? 0.1 : 1.0;
    what.frequency = i % 9 == 0 ? std::numeric_limits<std::int64_t>::max() : i;
    what.metadata = metadata_of(i);
    if (i % 10 == 9)
      what.timestamp = "2025-11-0" + std::to_string(i / 10 + 1) + "T08:00:00";
    need(to.call(memory::record{what}));
  }
}

void set_preferences(const memory::memory& to) {
  need(to.call(memory::set_preference{"editor", "vim"}));
  need(to.call(memory::set_preference{"editor", "nano", "tools"})); // replaces the row
  need(to.call(memory::set_preference{"", nullptr}));
  need(to.call(memory::set_preference{"theme", metadata_of(2), texts[2]}));
  need(to.call(memory::set_preference{texts[4], json::array()}));
  need(to.call(memory::set_preference{"big", json::integer("-98765432109876543210").value()}));
}

} // namespace

void write_context_memory(const std::filesystem::path& dir) {
  manual_wall_clock clock{
    cortex::wall_time{std::chrono::seconds{1'766'400'000}}}; // 2025-12-22T10:40:00Z
  cortex::runtime_options how;
  how.wall = &clock;
  auto rt = need(cortex::runtime::open(how));
  memory::options wanted;
  wanted.path = (dir / "context_memory.db").string();
  {
    const auto made = need(memory::open(rt, wanted));
    record_entries(made, clock);
    set_preferences(made);
    const auto drawn = need(made.call(memory::suggest{}));
    if (!drawn.empty())
      need(made.call(memory::dismiss{drawn.front().suggestion_id}));
  }
  need(rt.stop());
}
