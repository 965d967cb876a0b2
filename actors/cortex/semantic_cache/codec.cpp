#include "cortex/semantic_cache/codec.hpp"

#include "cortex/text/python_json.hpp"
#include "cortex/text/utc_time.hpp"

#include <memory>
#include <utility>

namespace cortex::semantic_cache {
namespace {

unexpected damaged(const raw_row& row, const std::string& what) {
  return fail(errc::corrupt, "row " + std::to_string(row.id) + ": " + what);
}

} // namespace

question make_question(std::string_view provider, std::string_view model,
                       std::string_view system_prompt, std::string_view prompt) noexcept {
  return {provider, model, text::sha256(system_prompt), prompt, text::sha256(prompt)};
}

raw_row encode_answer(const question& asked, const std::vector<std::string>& commands) {
  raw_row row;
  row.provider = asked.provider;
  row.model = asked.model;
  row.system_hash = text::to_hex(asked.system_hash);
  row.prompt = asked.prompt;
  row.prompt_hash = text::to_hex(asked.prompt_hash);
  row.commands_json = text::python_json(commands);
  return row;
}

expected<decoded_row> decode_row(const raw_row& row) {
  const auto system_hash = text::digest_from_hex(row.system_hash);
  const auto prompt_hash = text::digest_from_hex(row.prompt_hash);
  if (!system_hash || !prompt_hash)
    return damaged(row, "a hash is not 64 lower-case hexadecimal digits");
  auto vector = from_blob(row.embedding);
  if (!vector)
    return damaged(row, vector.error().detail);
  auto commands = text::read_json_texts(row.commands_json);
  if (!commands)
    return damaged(row, "commands: " + commands.error().detail);

  decoded_row result{{}, *vector};
  result.facts.id = row.id;
  result.facts.home = {row.provider, row.model, *system_hash};
  result.facts.prompt = row.prompt;
  result.facts.prompt_hash = *prompt_hash;
  result.facts.commands = std::make_shared<const std::vector<std::string>>(*std::move(commands));
  result.facts.created_at = text::parse_utc(row.created_at).value_or(text::earliest_utc);
  result.facts.last_accessed = text::parse_utc(row.last_accessed).value_or(text::earliest_utc);
  result.facts.hit_count = row.hit_count;
  return result;
}

} // namespace cortex::semantic_cache
