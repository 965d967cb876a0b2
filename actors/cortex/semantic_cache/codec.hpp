/// Between an entry and its row in the table `llm_cache_entries`.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/semantic_cache/embedding.hpp"
#include "cortex/semantic_cache/entry.hpp"

#include <cstdint>
#include <string>

namespace cortex::semantic_cache {

/// A row as it stands in the file, column by column.
struct raw_row {
  std::int64_t id = 0;
  std::string provider;
  std::string model;
  std::string system_hash;
  std::string prompt;
  std::string prompt_hash;
  std::string embedding;
  std::string commands_json;
  std::string created_at;
  std::string last_accessed;
  std::int64_t hit_count = 0;

  friend bool operator==(const raw_row&, const raw_row&) = default;
};

/// What a put alone says of its row: all but the embedding, the id, the stamps and the hit count.
/// Thread-safe.
/// @pre all texts are valid UTF-8
[[nodiscard]] raw_row encode_answer(const question& asked,
                                    const std::vector<std::string>& commands);

/// An entry with its embedding.
struct decoded_row {
  entry facts;
  embedding vector;
};

/// Reads a row. A stamp that `text::parse_utc` does not read counts as the earliest there is: the
/// row is the last to be compared and the first to be evicted, until an access renews its stamp.
/// For all other stamps the order of the numbers is the binary order of the texts. Thread-safe.
/// Errors: `corrupt` if the embedding, the command list or one of the two hashes is damaged; the
/// row is of no use then.
[[nodiscard]] expected<decoded_row> decode_row(const raw_row& row);

} // namespace cortex::semantic_cache
