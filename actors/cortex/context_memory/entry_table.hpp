/// What is known of all entries in memory: their order, their words, how often each action came.
#pragma once

#include "cortex/context_memory/slot_order.hpp"
#include "cortex/context_memory/word_index.hpp"
#include "cortex/text/local_time.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cortex::context_memory {

/// What the table keeps of an entry, and what it reads once.
struct facts {
  std::int64_t id = 0;
  std::string timestamp;
  std::string category;
  std::string context;
  std::string action;
  bool success = true;
};

/// Which entries are meant: all that is set must hold.
struct selection {
  std::optional<std::int64_t> id;
  std::optional<std::string> category;
  std::optional<text::micros> from;
  std::optional<text::micros> before;
};

/// Names an action of one category.
using group_number = std::uint32_t;

/// The entries of a memory without their texts. Answers in memory what would else be scans of the
/// file. *Not thread-safe*.
class entry_table {
public:
  entry_table();
  entry_table(const entry_table&) = delete;
  entry_table& operator=(const entry_table&) = delete;

  /// Adds an entry while the table is filled; call `sort` behind the last one.
  void append(const facts& what);
  void sort();

  /// Counts an entry that is about to be written, so that the next one of the same action is
  /// counted beside it. Returns its group. End it with `insert` or `retract`.
  group_number announce(const std::string& category, const std::string& action,
                        std::string_view timestamp);
  void retract(group_number group, std::string_view timestamp);
  /// Adds an entry, announced before or not. @pre `!contains(what.id)`
  void insert(const facts& what, bool announced);

  /// Removes what is there of these. Returns the pairs of category and action of which no entry
  /// is left.
  std::vector<std::pair<std::string, std::string>> erase(const std::vector<std::int64_t>& ids);

  [[nodiscard]] bool contains(std::int64_t id) const { return find(id).has_value(); }
  /// Entries of the group that are newer than an instant, announced ones included.
  [[nodiscard]] std::int64_t count_since(group_number group, text::micros instant) const;

  /// See the request `similar`; slots, newest first for each keyword.
  [[nodiscard]] std::vector<slot> similar(std::string_view context, std::size_t limit) const;
  [[nodiscard]] std::int64_t id_of(slot entry) const { return order_.id(entry); }
  [[nodiscard]] bool success_of(slot entry) const { return success_[entry]; }
  [[nodiscard]] const std::string& action_of(slot entry) const {
    return *groups_[group_of_[entry]].action;
  }

  /// Ids, ascending.
  [[nodiscard]] std::vector<std::int64_t> select(const selection& which) const;
  /// The `count` oldest entries by timestamp, of those with the smaller id first.
  [[nodiscard]] std::vector<std::int64_t> oldest(std::size_t count) const;
  /// Entries older than an instant, `limit` at most.
  [[nodiscard]] std::vector<std::int64_t> older_than(text::micros instant, std::size_t limit) const;

  [[nodiscard]] std::int64_t size() const noexcept {
    return static_cast<std::int64_t>(by_id_.size());
  }
  [[nodiscard]] std::int64_t successes() const noexcept { return successes_; }
  [[nodiscard]] std::map<std::string, std::int64_t> by_category() const;
  /// Entries that are newer than an instant.
  [[nodiscard]] std::int64_t newer_than(text::micros instant) const;
  [[nodiscard]] std::size_t words() const noexcept { return words_.words(); }

private:
  struct action_group {
    std::uint32_t category = 0;
    const std::string* action = nullptr; ///< The key in `group_numbers_`.
    std::int64_t entries = 0;
    std::vector<text::micros> instants{}; ///< Ascending; announced ones included.
  };
  struct category_facts {
    std::string name;
    std::int64_t entries = 0;
    std::unordered_map<std::string, group_number> groups{};
  };

  group_number number_of(const std::string& category_name, const std::string& action);
  slot add(const facts& what);
  [[nodiscard]] std::optional<slot> find(std::int64_t id) const;
  [[nodiscard]] std::optional<text::micros> instant_of(std::string_view timestamp) const;
  [[nodiscard]] std::optional<text::micros> instant_of(slot entry) const;
  void compact();

  // One place for each slot.
  slot_order order_;
  std::vector<group_number> group_of_;
  std::vector<bool> success_;
  std::vector<bool> alive_; // removed entries keep their place in the order until `compact`

  std::vector<slot> by_id_;            // of the entries that are there
  std::vector<text::micros> instants_; // of the same, ascending, where there is one
  std::vector<action_group> groups_;
  std::deque<category_facts> categories_; // never moved: groups point into them
  std::unordered_map<std::string, std::uint32_t> category_numbers_;
  std::int64_t successes_ = 0;
  word_index words_;
  mutable text::local_time_reader reader_;
};

} // namespace cortex::context_memory
