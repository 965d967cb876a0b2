#include "cortex/semantic_cache/similarity_index.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace cortex::semantic_cache {
namespace {

// One number for each lane. The compilers' own vector type, because -O2 of g++ 12 leaves a loop
// over the lanes as it is; operations on it are those on its elements, one by one.
using lane_group = double __attribute__((vector_size(similarity_index::lanes * sizeof(double))));

constexpr std::size_t set_bits = 64;

/// The greatest of some numbers, none of which is a NaN; 0.0 if there are none.
double greatest(std::span<const double> numbers) noexcept {
  constexpr std::size_t width = 8; // side by side, so that none waits for the one before
  if (numbers.empty())
    return 0.0;
  std::array<double, width> maxima{};
  maxima.fill(numbers.front());
  std::size_t i = 0;
  for (; i + width <= numbers.size(); i += width)
    for (std::size_t k = 0; k < width; ++k)
      maxima[k] = numbers[i + k] > maxima[k] ? numbers[i + k] : maxima[k];
  for (; i < numbers.size(); ++i)
    maxima[0] = std::max(maxima[0], numbers[i]);
  return *std::max_element(maxima.begin(), maxima.end());
}

} // namespace

void similarity_index::insert(const sparse_embedding& vector) {
  if (size_ == capacity_)
    grow();
  auto& used = used_.emplace_back();
  for (std::size_t i = 0; i < vector.size(); ++i) {
    const std::size_t dimension = vector.dimension(i);
    column(dimension)[size_] = vector.value(i);
    used[dimension / set_bits] |= std::uint64_t{1} << dimension % set_bits;
  }
  ++size_;
}

// Each dimension is a cache line of its own, and most are zero in both vectors.
void similarity_index::erase(std::size_t slot) noexcept {
  const std::size_t last = size_ - 1;
  for (std::size_t part = 0; part < used_[slot].size(); ++part) {
    for (auto left = used_[slot][part] | used_[last][part]; left != 0; left &= left - 1) {
      double* values = column(part * set_bits + static_cast<std::size_t>(std::countr_zero(left)));
      values[slot] = values[last];
      values[last] = 0.0;
    }
  }
  used_[slot] = used_[last];
  used_.pop_back();
  size_ = last;
}

void similarity_index::grow() {
  const std::size_t more = std::max(capacity_ / 2, lanes);
  const std::size_t capacity = (capacity_ + more + lanes - 1) / lanes * lanes;
  std::vector<double> values(dimensions * capacity);
  for (std::size_t dimension = 0; dimension < dimensions; ++dimension)
    std::copy_n(column(dimension), size_, values.data() + dimension * capacity);
  values_ = std::move(values);
  capacity_ = capacity;
}

double similarity_index::score_all(const sparse_embedding& query, std::vector<double>& out) const {
  struct factor {
    double value;
    const double* column;
  };
  std::array<factor, dimensions> factors; // NOLINT(*-member-init): filled as far as it is read
  for (std::size_t i = 0; i < query.size(); ++i)
    factors[i] = {query.value(i), column(query.dimension(i))};

  out.resize((size_ + lanes - 1) / lanes * lanes);
  for (std::size_t base = 0; base < size_; base += lanes) {
    lane_group sums{};
    for (std::size_t i = 0; i < query.size(); ++i) {
      lane_group values;
      std::memcpy(&values, factors[i].column + base, sizeof values);
      sums += factors[i].value * values;
    }
    std::memcpy(out.data() + base, &sums, sizeof sums);
  }
  out.resize(size_);
  return greatest(out);
}

void similarity_index::score_some(const sparse_embedding& query,
                                  std::span<const std::uint32_t> slots,
                                  std::vector<double>& out) const {
  out.assign(slots.size(), 0.0);
  for (std::size_t i = 0; i < query.size(); ++i) {
    const double factor = query.value(i);
    const double* values = column(query.dimension(i));
    for (std::size_t k = 0; k < slots.size(); ++k)
      out[k] += factor * values[slots[k]];
  }
}

} // namespace cortex::semantic_cache
