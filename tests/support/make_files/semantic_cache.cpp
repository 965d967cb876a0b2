// A semantic cache with rows of every kind.
#include "cortex/semantic_cache.hpp"

#include "support/make_files/make_files.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace cache = cortex::semantic_cache;
using cortex::testing::need;

namespace {

cache::key key_of(std::string prompt, std::string model = "gpt-4") {
  return {std::move(prompt), "openai", std::move(model), "You are a helper."};
}

void put_odd_rows(const cache::cache& opened) {
  const std::vector<std::string> none;
  need(opened.call(cache::put{key_of(""), {"the empty prompt"}}));
  need(opened.call(cache::put{key_of("no commands at all"), none}));
  need(opened.call(cache::put{key_of("an empty command"), {""}}));
  need(opened.call(cache::put{key_of("\u0130STANBUL \u03a3\u03a3 caf\u00e9 \u4e2d\u6587"),
                              {"echo \u2028 \x7f \U0001f680 \"\\/\" \t\n"}}));
  need(opened.call(cache::put{key_of("a long one " + std::string(20'000, 'x')), {"true"}}));
  need(opened.call(cache::put{key_of("install nginx", ""), {"another scope"}}));
  need(opened.call(cache::put{key_of("install nginx"), {"old"}}));
  need(opened.call(cache::put{key_of("install nginx"), {"replaced", "twice"}}));
}

} // namespace

void write_cache(const std::filesystem::path& dir) {
  cortex::manual_wall_clock clock{cortex::wall_time{std::chrono::seconds{1'766'397'600}}};
  cortex::runtime_options how;
  how.wall = &clock;
  auto rt = need(cortex::runtime::open(how));
  cache::options wanted;
  wanted.path = (dir / "cache.db").string();
  wanted.max_entries = 40; // some rows make room
  wanted.flush_interval = std::chrono::hours{1};
  const auto opened = need(cache::open(rt, wanted));

  for (int i = 0; i < 45; ++i) {
    const auto prompt = "install package number " + std::to_string(i) + " with pip"
                        + std::to_string(i);
    need(opened.call(cache::put{key_of(prompt), {"pip install p" + std::to_string(i)}}));
    clock.advance(std::chrono::seconds{61});
    for (int hits = i % 4; hits > 0; --hits)
      need(opened.call(cache::get{key_of(prompt)}));
  }
  put_odd_rows(opened);
  need(opened.call(cache::get{key_of("nothing like that is here")}));
  need(opened.call(cache::flush{}));
  need(rt.stop());
}
