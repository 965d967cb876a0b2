// Writes a database of each subsystem into a folder, for programs that must be able to read them,
// first of all the original:  make_files DIR
#include "support/make_files/make_files.hpp"

#include <array>
#include <exception>
#include <filesystem>
#include <iostream>

namespace {

struct writer {
  const char* file;
  void (*write)(const std::filesystem::path& dir);
};

// One line for each subsystem.
constexpr std::array writers{
  writer{"cache.db", write_cache},
  writer{"context_memory.db", write_context_memory},
  writer{"kv_cache.db", write_kv_cache},
  writer{"limits.db", write_limits},
  writer{"response_cache.db", write_response_cache},
};

} // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: make_files DIR\n";
    return 2;
  }
  const std::filesystem::path dir{argv[1]};
  std::filesystem::create_directories(dir);
  for (const auto& each : writers) {
    const auto file = dir / each.file;
    if (std::filesystem::exists(file)) {
      std::cerr << "there is a file '" << file.string() << "' already\n";
      return 1;
    }
    each.write(dir);
    std::cout << each.file << '\n';
  }
  return 0;
} catch (const std::exception& problem) {
  std::cerr << "make_files: " << problem.what() << '\n';
  return 1;
}
