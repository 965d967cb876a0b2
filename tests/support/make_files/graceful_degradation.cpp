// Writes a response cache with rows of every kind, through the public interface alone.
#include "cortex/graceful_degradation.hpp"

#include "support/make_files/make_files.hpp"

#include <chrono>
#include <filesystem>
#include <string>

namespace degraded = cortex::graceful_degradation;
using cortex::testing::need;
using namespace std::chrono_literals;

void write_response_cache(const std::filesystem::path& dir) {
  cortex::manual_wall_clock clock{cortex::wall_time{std::chrono::seconds{1'766'397'600}}};
  cortex::runtime_options how;
  how.wall = &clock;
  auto rt = need(cortex::runtime::open(how));
  degraded::options wanted;
  wanted.path = (dir / "response_cache.db").string();
  const auto opened = need(degraded::open(rt, wanted));

  const char* verbs[] = {"install", "remove", "explain", "search for"};
  const char* things[] = {"docker",           "nginx", "caf\u00e9",         "\u4e2d\u6587",
                          "\u0130stanbul",    "g++",   "a \"quoted\" name", "tab\tand\nnewline",
                          "\U0001f680 rocket"};
  int number = 0;
  for (const char* thing : things)
    for (const char* verb : verbs) {
      const auto query = std::string{verb} + " " + thing + " item" + std::to_string(number);
      need(opened.call(degraded::put{query, "answer " + std::to_string(number) + ": \u2713 " + thing
                                              + "\nline two"}));
      clock.advance(47s);
      for (int hits = number % 5; hits > 0; --hits)
        need(opened.call(degraded::get{query}));
      ++number;
    }
  need(opened.call(degraded::put{"", "the empty query"}));
  need(opened.call(degraded::put{"an empty response", ""}));
  need(opened.call(degraded::put{"INSTALL docker ITEM0 ", "replaced"}));
  need(opened.call(degraded::flush{}));
  need(rt.stop());
}
