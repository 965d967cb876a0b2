/// The actors of a runtime, by name and in the order in which they were made.
#pragma once

#include "cortex/runtime/actor_record.hpp"

#include <list>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cortex::detail {

/// Holds a name until its record is taken out. *Not thread-safe*.
class actor_list {
public:
  /// False if the name is held by another one.
  [[nodiscard]] bool add(std::shared_ptr<actor_record> record) {
    const std::string_view name = record->name;
    list fresh;
    fresh.push_back(std::move(record));
    if (!by_name_.emplace(name, fresh.begin()).second)
      return false;
    in_order_.splice(in_order_.end(), fresh);
    return true;
  }

  /// Takes a record out and gives its name free. Null if it is not in the list.
  [[nodiscard]] std::shared_ptr<actor_record> take(const actor_record& record) noexcept {
    const auto found = by_name_.find(record.name);
    if (found == by_name_.end() || found->second->get() != &record)
      return nullptr;
    auto taken = std::move(*found->second);
    in_order_.erase(found->second);
    by_name_.erase(found);
    return taken;
  }

  /// Null if nobody holds the name.
  [[nodiscard]] std::shared_ptr<actor_record> find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : *found->second;
  }

  /// Oldest first.
  [[nodiscard]] std::vector<std::shared_ptr<actor_record>> all() const {
    return {in_order_.begin(), in_order_.end()};
  }

private:
  using list = std::list<std::shared_ptr<actor_record>>;
  list in_order_;
  std::unordered_map<std::string_view, list::iterator> by_name_; // names of the records
};

} // namespace cortex::detail
