// Preferences in layers, followed while others change them, and what an import would do.
#include <cortex/config_manager.hpp>
#include <cortex/cortex.hpp>

#include <cstdio>
#include <fstream>
#include <future>
#include <iostream>
#include <string>

namespace config = cortex::config_manager;

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : "configuration";
  std::remove((folder + "/preferences.yaml").c_str());
  auto rt = cortex::runtime::open().value();
  config::options wanted;
  wanted.directory = folder; // made private to the user
  wanted.defaults = cortex::yaml::mapping({{"verbosity", "normal"}, {"confirmations", "minimal"}});
  wanted.environment = {{{"CORTEX_PREF_LLM__PROVIDER", "ollama"}}};
  wanted.known_keys = {"verbosity", "confirmations", "llm"};
  wanted.runner
    = [](const cortex::process_command& what) -> cortex::expected<cortex::process_result> {
    if (what.arguments.front() == "dpkg-query") // a machine with one package
      return cortex::process_result{0, 0, "curl\t7.88.1-10+deb12u8\n"};
    return cortex::fail(cortex::errc::not_found, "not here");
  };
  const auto preferences = config::open(rt, wanted).value();
  std::promise<void> told;
  const auto listens = preferences.subscribe([&told](const config::change& what) {
    for (const auto& key : what.keys)
      std::cout << "changed: " + key + '\n';
    told.set_value();
  });

  // The reply comes when the file is on the disk; other keys in it stay as they are then.
  if (const auto done = preferences.call(
        config::update_preferences{{{{"verbosity"}, "high"}, {{"verbostiy"}, "a slip"}}});
      !done)
    std::cerr << to_string(done.error()) << '\n';
  told.get_future().wait();

  for (const char* key : {"verbosity", "confirmations", "llm.provider"}) {
    const auto found = preferences.get(key).value();
    std::cout << key << " = " << found.content.source() << ", from " << to_string(found.origin)
              << '\n';
  }
  for (const auto& warning : preferences.warnings())
    std::cout << warning.substr(warning.find("unknown")) << '\n';

  std::ofstream{folder + "/machine.yaml"}
    << "cortex_version: 0.2.0\nos: unknown\npackages:\n"
       "- {name: curl, version: 7.88.1-10+deb12u14, source: apt}\n"
       "- {name: jq, source: apt}\n";
  config::import_from what{folder + "/machine.yaml"};
  what.dry_run = true;
  const auto plan = preferences.call(what).value();
  for (const auto& each : plan.diff->to_upgrade)
    std::cout << "upgrade " << each.wanted.name << " from " << each.current_version << '\n';
  for (const auto& each : plan.diff->to_install)
    std::cout << "install " << each.wanted.name << '\n';
  if (const auto stopped = rt.stop(); !stopped)
    std::cerr << to_string(stopped.error()) << '\n';
}
