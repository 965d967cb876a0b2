/// How many threads this process has.
#pragma once

#include "support/wait.hpp"

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <thread>

namespace cortex::testing {

/// Those of now. One that ThreadSanitizer adds with the first of a process counts from the
/// beginning. Thread-safe.
inline std::size_t threads_of_process() {
  const auto now = [] {
    using all = std::filesystem::directory_iterator;
    return static_cast<std::size_t>(std::distance(all{"/proc/self/task"}, all{}));
  };
  [[maybe_unused]] static const bool has_all = [&now] {
    std::size_t with_one_more = 0;
    std::thread{[&] { with_one_more = now(); }}.join();
    return eventually([&] { return now() < with_one_more; }); // the kernel knows it for longer
  }();
  return now();
}

} // namespace cortex::testing
