// What a local agent remembers of what it did, and what it makes of that.
#include <cortex/context_memory.hpp>
#include <cortex/cortex.hpp>

#include <iostream>

namespace memory = cortex::context_memory;

int main(int argc, char** argv) {
  auto rt = cortex::runtime::open().value();
  memory::options wanted;
  wanted.path = argc > 1 ? argv[1] : "memory.db";
  wanted.max_age = std::chrono::hours{24 * 365};
  const auto diary = memory::open(rt, wanted).value();

  const auto note = [&](const char* context, const char* action, bool worked) {
    memory::entry what;
    what.category = "package";
    what.context = context;
    what.action = action; // secrets such as --password=… are not stored
    what.success = worked;
    return diary.call(memory::record{what}).has_value();
  };
  if (!note("web server for the blog", "snap install nginx", false)
      || !note("web server for the blog", "apt install nginx", true)
      || !note("web server for the shop", "apt install nginx", true)
      || !diary.call(memory::set_preference{"package manager", "apt"}))
    return 1;

  const auto similar = diary.call(memory::similar{"set up a web server"}).value();
  for (const auto& each : similar)
    std::cout << each.timestamp << ' ' << each.action << (each.success ? "" : ": failed") << '\n';
  const auto suggested = diary.call(memory::suggest{}).value();
  for (const auto& each : suggested)
    std::cout << each.title << ". " << each.description << '\n';

  // For the prompt of a model, within a budget.
  const auto known = diary.call(memory::context_block{"a web server", 200}).value();
  std::cout << known.text << "(" << known.tokens << " tokens)\n";

  const auto gone = diary.call(memory::forget{{.category = "package"}}).value();
  std::cout << gone.entries << " forgotten\n";
}
