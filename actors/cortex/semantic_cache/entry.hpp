/// What the cache remembers of one answer, in memory and as it stands in the file.
#pragma once

#include "cortex/semantic_cache.hpp"
#include "cortex/text/digest.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::semantic_cache {

/// Answers are given within one scope only: all three must be equal.
struct scope {
  std::string provider;
  std::string model;
  text::sha256_digest system_hash{}; ///< Of the system prompt.

  friend bool operator==(const scope&, const scope&) = default;
};

/// A prompt in its scope, by reference: what is looked up or stored. All texts are valid UTF-8.
struct question {
  std::string_view provider;
  std::string_view model;
  text::sha256_digest system_hash{}; ///< Of the system prompt.
  std::string_view prompt;
  text::sha256_digest prompt_hash{}; ///< Of the prompt.
};

[[nodiscard]] inline question question_of(const key& what) noexcept {
  return {what.provider(), what.model(), what.system_hash(), what.prompt(), what.prompt_hash()};
}

/// Hashes the two prompts. The result refers to `provider`, `model` and `prompt`.
[[nodiscard]] question make_question(std::string_view provider, std::string_view model,
                                     std::string_view system_prompt,
                                     std::string_view prompt) noexcept;

/// One remembered answer, without its embedding.
struct entry {
  std::int64_t id = 0; ///< Never used twice in a file.
  scope home;
  std::string prompt;
  text::sha256_digest prompt_hash{};
  command_list commands;          ///< Not null.
  std::int64_t created_at = 0;    ///< Seconds since 1970.
  std::int64_t last_accessed = 0; ///< Seconds since 1970.
  std::int64_t hit_count = 0;
};

} // namespace cortex::semantic_cache
