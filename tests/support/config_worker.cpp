// Works on a preferences file of another process: tests start it, read what it says, and kill it.
//
//   config_worker set FILE PREFIX COUNT   sets PREFIX-0, PREFIX-1, …, saying each; 0 = until killed
//   config_worker open DIRECTORY USER GROUP   as that user, opens the directory and says what came
#include "cortex/config_manager.hpp"
#include "cortex/runtime.hpp"

#include <grp.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace config = cortex::config_manager;

namespace {

int give_up(const cortex::error& why) {
  std::fprintf(stderr, "config_worker: %s\n", to_string(why).c_str());
  return 1;
}

void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

int set_keys(const config::manager& preferences, const std::string& prefix, long count) {
  for (long i = 0; count == 0 || i < count; ++i) {
    const auto done
      = preferences.call(config::update_preferences{{{{prefix + '-' + std::to_string(i)}, i}}});
    if (!done)
      return give_up(done.error());
    say(std::to_string(i));
  }
  return 0;
}

int open_as(const cortex::runtime& rt, config::options how, const char* user, const char* group) {
  if (::setgroups(0, nullptr) != 0
      || ::setgid(static_cast<gid_t>(std::strtoul(group, nullptr, 10))) != 0
      || ::setuid(static_cast<uid_t>(std::strtoul(user, nullptr, 10))) != 0)
    return 3;
  const auto opened = config::open(rt, std::move(how));
  say(opened ? "opened" : to_string(opened.error()));
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 5)
    return 2;
  const auto rt = cortex::runtime::open();
  if (!rt)
    return give_up(rt.error());
  config::options how;
  how.environment.emplace();
  how.system_file.clear();
  if (argv[1] == std::string{"open"}) {
    how.directory = argv[2];
    return open_as(*rt, std::move(how), argv[3], argv[4]);
  }
  how.path = argv[2];
  const auto opened = config::open(*rt, std::move(how));
  if (!opened)
    return give_up(opened.error());
  return set_keys(*opened, argv[3], std::strtol(argv[4], nullptr, 10));
}
