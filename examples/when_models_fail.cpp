#include <cortex/cortex.hpp>
#include <cortex/graceful_degradation.hpp>

#include <iostream>

namespace degraded = cortex::graceful_degradation;

int main(int argc, char** argv) {
  auto rt = cortex::runtime::open().value();
  degraded::options wanted;
  wanted.path = argc > 1 ? argv[1] : "response_cache.db";
  wanted.api_timeout = std::chrono::seconds{5};
  wanted.on_mode_change = [](const degraded::mode_change& change) {
    std::clog << to_string(change.from) << " -> " << to_string(change.to) << '\n';
  };
  const auto manager = degraded::open(rt, wanted).value();

  bool online = true; // a real one asks a service, on a thread that may wait for it
  const auto model = [&online](const degraded::model_call& call) -> cortex::expected<std::string> {
    if (online)
      return "It is about " + call.query + ".";
    return cortex::fail(cortex::errc::unavailable, "no route to host");
  };
  const auto ask = [&](const char* query) {
    const auto got = manager.process(query, model).value();
    std::cout << to_string(got.source) << ": " << got.response << '\n';
    if (got.command && !got.command->needs_confirmation)
      for (const auto& step : got.command->steps) // argument vectors: run them without a shell
        std::cout << "  would run '" << step.front() << "' with " << step.size() - 1
                  << " arguments\n";
  };

  ask("the weather in Rome");
  online = false;
  ask("The weather in Rome");
  ask("please install nginx");
  ask("remove vim; rm -rf /");
  std::cout << "mode " << to_string(manager.call(degraded::status{}).value().mode) << '\n';
}
