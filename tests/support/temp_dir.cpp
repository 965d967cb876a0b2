#include "support/temp_dir.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>

namespace cortex::testing {

temp_dir::temp_dir() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no test changes the environment while others run
  const char* base = std::getenv("TMPDIR");
  auto name = (std::filesystem::path{base && *base ? base : "/tmp"} / "cortex_XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) // makes it with mode 0700
    throw std::system_error{errno, std::generic_category(), "cannot make " + name};
  path_ = name;
}

temp_dir::~temp_dir() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
  if (error)
    (void)std::fprintf(stderr, "temp_dir: %s stays: %s\n", path_.c_str(), error.message().c_str());
}

} // namespace cortex::testing
