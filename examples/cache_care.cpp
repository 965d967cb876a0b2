#include <cortex/cortex.hpp>
#include <cortex/semantic_cache.hpp>

#include <iostream>

namespace cache = cortex::semantic_cache;

int main(int argc, char** argv) {
  auto rt = cortex::runtime::open().value();
  cache::options wanted;
  wanted.path = argc > 1 ? argv[1] : "cache.db";
  wanted.time_to_live = std::chrono::hours{24 * 30}; // a put may have its own
  wanted.max_bytes = 10'000'000;
  wanted.guard = true;
  auto answers = cache::open(rt, wanted).value();
  const auto ask = [](const char* prompt) { return cache::key{prompt, "ollama", "llama3", ""}; };
  if (!answers.call(cache::put{ask("how do I install python 3.11 on ubuntu"), {"apt ..."}}))
    return 1;

  const auto why = answers.call(cache::explain{ask("how do I install python 3.12 on ubuntu")});
  for (const auto& each : why->refused)
    std::cout << "not given again, since " << each.refusal << '\n';
  const auto first = answers.call(cache::list{});
  for (const auto& each : first->entries)
    std::cout << each.id << ": " << each.prompt << ", " << each.bytes << " bytes\n";
  std::cout << answers.call(cache::invalidate{{.model = "llama3"}}).value().removed << " gone\n";
}
