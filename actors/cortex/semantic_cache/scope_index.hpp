/// The entries of one scope, found by prompt hash, by recency and by similarity.
#pragma once

#include "cortex/semantic_cache/embedding.hpp"
#include "cortex/semantic_cache/entry.hpp"
#include "cortex/semantic_cache/similarity_index.hpp"
#include "cortex/text/digest.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

namespace cortex::semantic_cache {

class scope_index;

/// An entry and its places in the indexes. Its address never changes.
struct record {
  entry facts;
  scope_index* home = nullptr;
  std::uint32_t slot = 0;        ///< In `home`.
  std::int64_t pending_hits = 0; ///< Not handed out for writing yet.
  std::int64_t bytes = 0;        ///< Of its payload, see `payload_bytes`.
  bool dirty = false;            ///< Accessed since changes were last handed out.
};

/// The order in which candidates are compared: the last accessed first, then by prompt hash.
struct newest_first {
  [[nodiscard]] bool operator()(const record* left, const record* right) const noexcept {
    if (left->facts.last_accessed != right->facts.last_accessed)
      return left->facts.last_accessed > right->facts.last_accessed;
    return left->facts.prompt_hash < right->facts.prompt_hash;
  }
};

/// The best of some candidates.
struct nearest {
  record* found = nullptr; ///< Null if there were no candidates.
  double similarity = 0.0;
};

/// Refers to records, which its user owns. *Not thread-safe*.
class scope_index {
public:
  [[nodiscard]] std::size_t size() const noexcept { return by_slot_.size(); }

  /// The record of a prompt, or null. Constant time.
  [[nodiscard]] record* find(const text::sha256_digest& prompt_hash) const;

  /// Takes a record in.
  /// @pre none of this prompt hash is here
  void insert(record& item, const sparse_embedding& vector);

  /// Lets a record go.
  /// @pre it is here
  void erase(record& item);

  /// Sets the time of a record's last access and keeps the order. Logarithmic.
  /// @pre it is here
  void touch(record& item, std::int64_t now);

  /// The most similar of the `limit` records that come first in the order; of equal ones the one
  /// that comes first. `scores` lends its memory. Linear in `limit`.
  [[nodiscard]] nearest find_nearest(const sparse_embedding& query, std::size_t limit,
                                     std::vector<double>& scores);

  /// All of those records, the most similar first, equal ones in the order. `limit` times its
  /// logarithm.
  [[nodiscard]] std::vector<nearest> rank(const sparse_embedding& query, std::size_t limit,
                                          std::vector<double>& scores);

private:
  /// Of the records with this similarity the one that comes first. `scores` are by slot.
  [[nodiscard]] record* first_with(double similarity, std::span<const double> scores) const;
  [[nodiscard]] std::span<const std::uint32_t> newest(std::size_t count);

  similarity_index vectors_;
  std::vector<record*> by_slot_;
  std::unordered_map<text::sha256_digest, record*, text::digest_hash> by_prompt_;
  std::set<record*, newest_first> order_;

  // The slots that come first in the order, kept from one search to the next; empty after a change.
  std::vector<std::uint32_t> newest_;
};

} // namespace cortex::semantic_cache
