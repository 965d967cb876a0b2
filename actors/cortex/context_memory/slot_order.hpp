/// The order of entries: by the text of their time stamp, then by id.
#pragma once

#include "cortex/context_memory/stamp_order.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::context_memory {

/// Names an entry in the indexes in memory: a place in a table, given once.
using slot = std::uint32_t;

/// Id and time stamp of each slot. *Not thread-safe*.
class slot_order {
public:
  slot add(std::int64_t id, std::string_view timestamp) {
    ids_.push_back(id);
    stamps_.push_back(order_.pack(timestamp));
    return static_cast<slot>(ids_.size() - 1);
  }
  /// Slot `from` becomes slot `to`. @pre `to <= from`
  void move(slot from, slot to) {
    ids_[to] = ids_[from];
    stamps_[to] = stamps_[from];
  }
  void resize(std::size_t count) {
    ids_.resize(count);
    stamps_.resize(count);
  }

  [[nodiscard]] std::size_t size() const noexcept { return ids_.size(); }
  [[nodiscard]] std::int64_t id(slot of) const noexcept { return ids_[of]; }
  [[nodiscard]] std::string timestamp(slot of) const { return order_.unpack(stamps_[of]); }

  /// True if the first slot's entry is older than the second's: a strict order of all slots.
  [[nodiscard]] bool older(slot left, slot right) const {
    if (order_.less(stamps_[left], stamps_[right]))
      return true;
    return !order_.less(stamps_[right], stamps_[left]) && ids_[left] < ids_[right];
  }

private:
  stamp_order order_;
  std::vector<std::int64_t> ids_;
  std::vector<packed_stamp> stamps_;
};

} // namespace cortex::context_memory
