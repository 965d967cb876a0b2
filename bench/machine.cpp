#include "machine.hpp"

#include "rivals/services.hpp"

#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <system_error>
#include <thread>

#ifndef CORTEX_BENCH_BUILD_TYPE
#  define CORTEX_BENCH_BUILD_TYPE "unknown"
#endif
#ifndef CORTEX_BENCH_VERSION
#  define CORTEX_BENCH_VERSION "unknown"
#endif

namespace cortex::bench {
namespace {

bool in_memory(const std::filesystem::path& directory) {
  constexpr long tmpfs = 0x01021994;
  constexpr long ramfs = 0x858458f6;
  struct statfs found {};
  return statfs(directory.c_str(), &found) != 0 || found.f_type == tmpfs || found.f_type == ramfs;
}

std::filesystem::path default_parent() {
  const char* wanted = std::getenv("TMPDIR");
  return wanted != nullptr && *wanted != '\0' && !in_memory(wanted)
           ? std::filesystem::path{wanted}
           : std::filesystem::current_path();
}

} // namespace

machine this_machine() {
  machine found{"unknown processor", std::thread::hardware_concurrency()};
  std::ifstream in{"/proc/cpuinfo"};
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("model name"))
      continue;
    found.processor = line.substr(line.find(':') + 2);
    break;
  }
  return found;
}

versions these_versions() {
#ifdef __clang__
  const std::string compiler = __VERSION__;
#else
  const std::string compiler = std::string{"GCC "} + __VERSION__;
#endif
  return {compiler, CORTEX_BENCH_BUILD_TYPE, CORTEX_BENCH_VERSION, sqlite3_libversion(),
          caf_version()};
}

std::filesystem::path make_scratch_directory(const std::string& parent) {
  const auto within = parent.empty() ? default_parent() : std::filesystem::path{parent};
  std::filesystem::create_directories(within);
  auto name = (std::filesystem::absolute(within) / "cortex_bench.XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr)
    throw std::filesystem::filesystem_error{"make a directory", name,
                                            std::error_code{errno, std::generic_category()}};
  return name;
}

void allow_many_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

} // namespace cortex::bench
