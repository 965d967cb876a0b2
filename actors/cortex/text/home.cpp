#include "cortex/text/home.hpp"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace cortex::text {

std::optional<std::string> home_folder() {
  const char* named = std::getenv("HOME"); // NOLINT(concurrency-mt-unsafe): nobody sets it
  if (named != nullptr && *named != '\0')
    return named;
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> text{};
  if (getpwuid_r(getuid(), &entry, text.data(), text.size(), &found) != 0 || found == nullptr
      || found->pw_dir == nullptr || *found->pw_dir == '\0')
    return std::nullopt;
  return found->pw_dir;
}

expected<std::string> path_or(std::string_view wanted, std::string_view by_default) {
  std::string path{wanted.empty() ? by_default : wanted};
  if (!path.starts_with("~/"))
    return path;
  const auto home = home_folder();
  if (!home)
    return fail(errc::not_found, "'" + path + "': there is no home folder");
  return *home + path.substr(1);
}

} // namespace cortex::text
