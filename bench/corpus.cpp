#include "random.hpp"
#include "semantic.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

namespace cortex::bench {
namespace {

constexpr std::size_t corpus_size = 1000;
constexpr std::size_t least_words = 6; // one more word keeps the similarity above 0.86
constexpr std::uint64_t seed = 20251222;

std::vector<std::string> words_of(const std::string& prompt) {
  std::istringstream in{prompt};
  return {std::istream_iterator<std::string>{in}, {}};
}

/// All texts under the name `prompt`, at any depth.
void collect(const nlohmann::json& value, std::set<std::string>& prompts) {
  if (value.is_array()) {
    for (const auto& each : value)
      collect(each, prompts);
  } else if (value.is_object()) {
    for (const auto& [name, each] : value.items()) {
      if (name == "prompt" && each.is_string())
        prompts.insert(each.get<std::string>());
      else
        collect(each, prompts);
    }
  }
}

std::set<std::string> read_prompts(const std::filesystem::path& file) {
  std::set<std::string> prompts;
  std::ifstream in{file};
  if (in) {
    const auto parsed = nlohmann::json::parse(in, nullptr, false);
    if (!parsed.is_discarded())
      collect(parsed, prompts);
  }
  return prompts;
}

std::vector<std::string> vocabulary(const std::set<std::string>& prompts) {
  std::set<std::string> words = {"install", "remove", "update", "start", "show",  "nginx",
                                 "redis",   "docker", "please", "now",   "server"};
  for (const auto& prompt : prompts)
    for (auto& word : words_of(prompt))
      words.insert(std::move(word));
  return {words.begin(), words.end()};
}

} // namespace

corpus::corpus(const std::filesystem::path& vectors) {
  const auto read = read_prompts(vectors);
  found_ = read.size();
  for (const auto& prompt : read)
    if (const auto words = words_of(prompt);
        std::set<std::string>(words.begin(), words.end()).size() >= least_words)
      prompts_.push_back(prompt);

  const auto words = vocabulary(read);
  random_source random{seed};
  while (prompts_.size() < corpus_size) {
    std::string prompt = "job-" + std::to_string(prompts_.size());
    for (auto left = least_words + random.below(10); left != 0; --left)
      prompt += ' ' + words[random.below(static_cast<unsigned>(words.size()))];
    prompts_.push_back(std::move(prompt));
  }
}

std::string corpus::unique(unsigned thread, std::uint64_t number) const {
  return prompts_[(thread * std::uint64_t{31} + number) % prompts_.size()] + " run-"
         + std::to_string(thread) + '-' + std::to_string(number);
}

} // namespace cortex::bench
