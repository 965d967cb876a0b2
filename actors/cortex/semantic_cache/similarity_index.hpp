/// The embeddings of one scope, laid out for scoring many of them against one query.
#pragma once

#include "cortex/semantic_cache/embedding.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cortex::semantic_cache {

/// Embeddings in the slots 0 to `size() - 1`. All values of one dimension stand side by side, so
/// that a processor's vector instructions work across slots; each slot's sum still runs from
/// dimension 0 upwards and has the bits of `similarity`. Dimensions that are zero in the query are
/// left out: their products change no sum. Takes 1 KiB for each embedding. *Not thread-safe*.
class similarity_index {
public:
  /// Slots scored at a time: as many sums as stay in registers.
  static constexpr std::size_t lanes = 8;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Puts a vector into the slot `size()`. Amortised constant time.
  void insert(const sparse_embedding& vector);

  /// Empties a slot; the vector of the last slot moves there.
  /// @pre `slot < size()`
  void erase(std::size_t slot) noexcept;

  /// Writes to `out` the similarity of each slot, in their order, and returns the greatest; 0.0 if
  /// there are none.
  double score_all(const sparse_embedding& query, std::vector<double>& out) const;

  /// Writes to `out` the similarity of each of these slots, in their order. Cheaper than
  /// `score_all` where there are more than twice as many slots as asked for.
  /// @pre all are below `size()`
  void score_some(const sparse_embedding& query, std::span<const std::uint32_t> slots,
                  std::vector<double>& out) const;

private:
  /// A bit for each dimension in which a vector is not zero.
  using dimension_set = std::array<std::uint64_t, dimensions / 64>;

  void grow();
  [[nodiscard]] double* column(std::size_t dimension) noexcept {
    return values_.data() + dimension * capacity_;
  }
  [[nodiscard]] const double* column(std::size_t dimension) const noexcept {
    return values_.data() + dimension * capacity_;
  }

  std::size_t size_ = 0;
  std::size_t capacity_ = 0;        // a multiple of lanes
  std::vector<double> values_;      // dimensions * capacity_; zero from slot size_ on
  std::vector<dimension_set> used_; // by slot
};

} // namespace cortex::semantic_cache
