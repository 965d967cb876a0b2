// The entry table beside a naive model of the same rules, over random operations.
#include "cortex/semantic_cache/entry_table.hpp"

#include "row_store.hpp"
#include "support/catch_compat.hpp"

#include <algorithm>
#include <bit>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace cache = cortex::semantic_cache;
using cache::match;

namespace {

/// A cache as one would write it from its description: a list, searched from end to end.
class naive_model {
public:
  struct item {
    cache::entry facts;
    cache::embedding vector;
  };

  std::vector<item> items;
  std::int64_t hits = 0;
  std::int64_t misses = 0;
  std::int64_t last_id = 0;

  cache::answer lookup(const cache::question& asked, const cache::near_rule& rule,
                       std::int64_t now) {
    auto candidates = of_scope(asked);
    for (item* candidate : candidates)
      if (candidate->facts.prompt_hash == asked.prompt_hash)
        return hit(*candidate, match::exact, 1.0, now);

    std::sort(candidates.begin(), candidates.end(), [](const item* left, const item* right) {
      return left->facts.last_accessed != right->facts.last_accessed
               ? left->facts.last_accessed > right->facts.last_accessed
               : left->facts.prompt_hash < right->facts.prompt_hash;
    });
    const auto limit = static_cast<std::size_t>(rule.candidate_limit); // negative: more than any
    candidates.resize(std::min(limit, candidates.size()));
    return nearest(candidates, asked, rule.threshold, now);
  }

  std::vector<std::int64_t> put(const cache::question& asked, cache::command_list commands,
                                std::int64_t max_entries, std::int64_t now) {
    cache::entry made{++last_id,
                      {std::string{asked.provider}, std::string{asked.model}, asked.system_hash},
                      std::string{asked.prompt},
                      asked.prompt_hash,
                      std::move(commands),
                      now,
                      now,
                      0};
    for (const item* same : of_scope(asked))
      if (same->facts.prompt_hash == asked.prompt_hash)
        made.hit_count = same->facts.hit_count;
    std::erase_if(items, [&](const item& old) {
      return old.facts.home == made.home && old.facts.prompt_hash == made.prompt_hash;
    });
    items.push_back({made, cache::embed(made.prompt)});
    return evict(static_cast<std::size_t>(max_entries));
  }

  void erase(std::int64_t id) {
    std::erase_if(items, [&](const item& old) { return old.facts.id == id; });
  }

private:
  std::vector<item*> of_scope(const cache::question& asked) {
    std::vector<item*> result;
    for (auto& candidate : items)
      if (candidate.facts.home.provider == asked.provider
          && candidate.facts.home.model == asked.model
          && candidate.facts.home.system_hash == asked.system_hash)
        result.push_back(&candidate);
    return result;
  }

  cache::answer nearest(const std::vector<item*>& candidates, const cache::question& asked,
                        double threshold, std::int64_t now) {
    item* best = nullptr;
    double similarity = 0.0;
    for (item* candidate : candidates) {
      const double score = cache::similarity(candidate->vector, cache::embed(asked.prompt));
      if (best == nullptr || score > similarity) {
        best = candidate;
        similarity = score;
      }
    }
    if (best != nullptr && similarity >= threshold)
      return hit(*best, match::near, similarity, now);
    ++misses;
    return {match::miss, 0, similarity, nullptr};
  }

  cache::answer hit(item& found, match kind, double similarity, std::int64_t now) {
    ++hits;
    ++found.facts.hit_count;
    found.facts.last_accessed = now;
    return {kind, found.facts.id, similarity, found.facts.commands};
  }

  std::vector<std::int64_t> evict(std::size_t bound) {
    std::vector<std::int64_t> evicted;
    while (items.size() > bound) {
      const auto oldest
        = std::min_element(items.begin(), items.end(), [](const item& left, const item& right) {
            return left.facts.last_accessed != right.facts.last_accessed
                     ? left.facts.last_accessed < right.facts.last_accessed
                     : left.facts.id < right.facts.id;
          });
      evicted.push_back(oldest->facts.id);
      items.erase(oldest);
    }
    return evicted;
  }
};

bool same_answer(const cache::answer& left, const cache::answer& right) {
  return left.kind == right.kind && left.id == right.id
         && std::bit_cast<std::uint64_t>(left.similarity)
              == std::bit_cast<std::uint64_t>(right.similarity)
         && left.commands == right.commands;
}

bool same_entry(const cache::entry& left, const cache::entry& right) {
  return left.id == right.id && left.home == right.home && left.prompt == right.prompt
         && left.prompt_hash == right.prompt_hash && *left.commands == *right.commands
         && left.created_at == right.created_at && left.last_accessed == right.last_accessed
         && left.hit_count == right.hit_count;
}

/// Drives the table and the model with the same operations and keeps a file beside the table.
class comparison {
public:
  comparison(unsigned seed, std::int64_t max_entries)
    : random_(seed), max_entries_(max_entries), clock_steps_back_(seed % 2 == 0) {}

  void step() {
    switch (below(40)) {
      case 0: now_ += 1 + below(3); break;
      case 1: step_back(); break;
      case 2: flush(); break;
      case 3: fail_to_flush(); break;
      case 4: erase(); break;
      case 5: reload(); break;
      default: below(3) == 0 ? put() : lookup();
    }
  }

  void compare_all() {
    const auto entries = table_.entries();
    REQUIRE(entries.size() == model_.items.size());
    std::sort(model_.items.begin(), model_.items.end(),
              [](const auto& left, const auto& right) { return left.facts.id < right.facts.id; });
    for (std::size_t i = 0; i < entries.size(); ++i)
      REQUIRE(same_entry(*entries[i], model_.items[i].facts));
    const auto stats = table_.stats();
    REQUIRE(stats.hits == model_.hits);
    REQUIRE(stats.misses == model_.misses);
    REQUIRE(stats.entries == entries.size());
  }

  /// After a flush the file holds what the model holds.
  void compare_file() {
    flush();
    REQUIRE(store_.rows().size() == model_.items.size());
    for (const auto& item : model_.items)
      REQUIRE(store_.rows().at(item.facts.id)
              == cortex::testing::encode_row(item.facts, item.vector));
  }

private:
  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(bound));
  }

  std::string prompt() {
    static constexpr const char* vocabulary[]
      = {"alpha", "bravo", "charlie", "delta", "Echo", "foxtrot", "\u03a3\u0391\u03a3", "!"};
    std::string result;
    for (auto words = below(4); words >= 0; --words)
      result += std::string{vocabulary[below(8)]} + " ";
    return result;
  }

  cache::question question(const std::string& prompt) {
    static constexpr const char* providers[] = {"openai", "openai", "openai", "ollama"};
    return cache::make_question(providers[below(4)], below(8) == 0 ? "small" : "large", "", prompt);
  }

  void step_back() {
    if (clock_steps_back_)
      now_ -= below(2);
  }

  void lookup() {
    static constexpr std::int64_t limits[] = {-1, 0, 1, 2, 5, 8, 20, 200};
    static constexpr double thresholds[] = {-2.0, 0.0, 0.5, 0.86, 1.0, 2.0};
    const auto text = prompt();
    const auto asked = question(text);
    const cache::near_rule rule{limits[below(8)], thresholds[below(6)]};
    REQUIRE(same_answer(table_.lookup(asked, rule, now_), model_.lookup(asked, rule, now_)));
  }

  void put() {
    const auto text = prompt();
    const auto asked = question(text);
    const auto commands = std::make_shared<const std::vector<std::string>>(
      1, "command " + std::to_string(random_() % 100));
    const auto bound = below(200) == 0 ? 0 : max_entries_;
    const auto made = table_.put(asked, commands, bound, now_);
    REQUIRE(made);
    store_.apply(*made);
    REQUIRE(made->evicted == model_.put(asked, commands, bound, now_));
    REQUIRE(made->written.id == model_.last_id);
  }

  void erase() {
    const auto id = model_.items.empty() ? 1
                                         : model_
                                             .items[static_cast<std::size_t>(below(
                                               static_cast<std::int64_t>(model_.items.size())))]
                                             .facts.id;
    REQUIRE(table_.erase(id) == !model_.items.empty());
    model_.erase(id);
    store_.erase(id);
  }

  void flush() {
    const auto log = table_.take_accesses();
    REQUIRE(table_.pending_lookups() == 0);
    store_.apply(log);
  }

  /// Other operations happen between the failed write and its return.
  void fail_to_flush() {
    const auto log = table_.take_accesses();
    for (auto meanwhile = below(4); meanwhile > 0; --meanwhile)
      below(3) == 0 ? put() : lookup();
    table_.restore_accesses(log);
  }

  /// With all accesses in the file, or with some to replay. The latter keeps the later of two
  /// times, which is the right one only while the clock goes forward.
  void reload() {
    if (clock_steps_back_ || below(2) == 0)
      flush();
    const auto unwritten = table_.take_accesses();
    table_.clear();
    REQUIRE(store_.load_into(table_));
    table_.replay_accesses(unwritten);
    for (auto& item : model_.items) // commands are shared by address, and the table has new ones
      item.facts.commands = find_commands(item.facts.id);
  }

  cache::command_list find_commands(std::int64_t id) {
    const auto* found = table_.find(id);
    REQUIRE(found != nullptr);
    return found->commands;
  }

  std::mt19937 random_;
  std::int64_t max_entries_;
  bool clock_steps_back_;
  std::int64_t now_ = 1'700'000'000;
  cache::entry_table table_;
  naive_model model_;
  cortex::testing::row_store store_;
};

} // namespace

TEST_CASE("the table decides like a naive model", "[semantic_cache]") {
  const auto seed = GENERATE(1U, 2U, 3U, 4U);
  const auto max_entries = GENERATE(as<std::int64_t>{}, 3, 40, 1000);
  INFO("seed " << seed << ", at most " << max_entries << " entries");
  comparison both{seed, max_entries};

  for (int step = 0; step < 3000; ++step) {
    both.step();
    if (step % 20 == 0)
      both.compare_all();
    if (step % 200 == 0)
      both.compare_file();
  }
  both.compare_all();
  both.compare_file();
}
