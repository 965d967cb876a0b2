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

/// What an entry counts against a bound in bytes: its prompt, provider, model and commands as
/// UTF-8. Hashes, stamps, the embedding and what SQLite and memory add are left out.
[[nodiscard]] inline std::int64_t payload_bytes(std::string_view provider, std::string_view model,
                                                std::string_view prompt,
                                                const std::vector<std::string>& commands) noexcept {
  std::size_t bytes = provider.size() + model.size() + prompt.size();
  for (const auto& command : commands)
    bytes += command.size();
  return static_cast<std::int64_t>(bytes);
}
[[nodiscard]] inline std::int64_t payload_bytes(const question& asked,
                                                const std::vector<std::string>& commands) noexcept {
  return payload_bytes(asked.provider, asked.model, asked.prompt, commands);
}
[[nodiscard]] inline std::int64_t payload_bytes(const entry& facts) noexcept {
  return payload_bytes(facts.home.provider, facts.home.model, facts.prompt, *facts.commands);
}

} // namespace cortex::semantic_cache
