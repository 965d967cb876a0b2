/// The original's semantic-cache stress test: its interface, its prompts, its workloads.
#pragma once

#include "harness.hpp"
#include "records.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::bench {

/// What a lookup gives; null on a miss.
using command_list = std::shared_ptr<const std::vector<std::string>>;

/// A semantic cache behind any number of threads, with the original's defaults: 500 entries, 200
/// candidates, similarity 0.86. *Thread-safe*.
class semantic_store {
public:
  semantic_store() = default;
  semantic_store(const semantic_store&) = delete;
  semantic_store& operator=(const semantic_store&) = delete;
  virtual ~semantic_store() = default;

  virtual outcome put(const std::string& prompt, const std::vector<std::string>& commands) = 0;
  /// Gives the commands of the same or of the most similar prompt.
  virtual outcome get(const std::string& prompt, command_list& commands) = 0;
};

/// What all prompts of the workloads belong to.
namespace scope {

constexpr std::string_view provider = "claude";
constexpr std::string_view model = "claude-sonnet";
constexpr std::string_view system_prompt
  = "You translate requests into shell commands.\n\n[cortex-cache-validate=True]";

} // namespace scope

struct semantic_setting {
  std::filesystem::path file; ///< Does not exist yet.
  gate* shared = nullptr;
};

using semantic_maker = std::function<std::unique_ptr<semantic_store>(const semantic_setting&)>;

/// Prompts of at least six words each. *Immutable after construction*.
class corpus {
public:
  /// Takes the long prompts of a file of test vectors and makes more from the words of all its
  /// prompts, with a fixed seed. Without the file, from a few words of its own.
  explicit corpus(const std::filesystem::path& vectors);

  [[nodiscard]] const std::vector<std::string>& prompts() const noexcept { return prompts_; }
  /// How many prompts were found in the file.
  [[nodiscard]] std::size_t found() const noexcept { return found_; }
  /// A prompt that no other thread or number has.
  [[nodiscard]] std::string unique(unsigned thread, std::uint64_t number) const;

private:
  std::vector<std::string> prompts_;
  std::size_t found_ = 0;
};

enum class semantic_work : std::uint8_t {
  mixed, ///< Put an entry, get the same entry, and so on.
  puts,
  exact, ///< Get one of 200 entries stored before.
  near,  ///< The same, with one word more in the prompt.
};

[[nodiscard]] subject_maker semantic_operations(semantic_maker maker, semantic_work work,
                                                const corpus& prompts);

} // namespace cortex::bench
