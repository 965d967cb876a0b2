#include "cortex/context_memory/suggestions.hpp"

#include "cortex/context_memory/keywords.hpp"
#include "cortex/text/digest.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

namespace cortex::context_memory {
namespace {

constexpr std::string_view optimization = "optimization";
constexpr std::string_view alternative = "alternative";
constexpr std::string_view proactive = "proactive";
constexpr std::string_view frequent_title = "Frequent Installation: ";
constexpr std::string_view alternative_title = "Alternative to: ";
constexpr std::string_view automate_title = "Automate: ";
constexpr std::size_t date_length = 10;
constexpr std::size_t id_digits = 16;

/// Collects suggestions, each once.
class collector {
public:
  explicit collector(std::string now) : now_(std::move(now)) {}

  void add(const suggestion_key& key, suggestion what) {
    what.suggestion_id = suggestion_id_of(key, std::string_view{now_}.substr(0, date_length));
    what.created_at = now_;
    if (seen_.insert(what.suggestion_id).second)
      out_.push_back(std::move(what));
  }
  [[nodiscard]] std::vector<suggestion> take() { return std::move(out_); }

private:
  std::string now_;
  std::set<std::string> seen_;
  std::vector<suggestion> out_;
};

std::string joined(std::string_view first, std::string_view second) {
  return std::string{first}.append(second);
}

void draw_optimizations(const material& from, collector& out) {
  std::vector<std::string_view> actions; // in the order of their first appearance
  std::unordered_map<std::string_view, std::vector<std::string>> ids;
  for (const auto& each : from.newest) {
    if (each.category != "package")
      continue;
    auto& of_action = ids[each.action];
    if (of_action.empty())
      actions.push_back(each.action);
    of_action.push_back(std::to_string(each.id));
  }
  for (const auto action : actions) {
    const auto count = ids[action].size();
    if (count < 3)
      continue;
    out.add({std::string{optimization}, std::string{action}},
            {{},
             std::string{optimization},
             joined(frequent_title, action),
             joined(action, " was installed " + std::to_string(count)
                              + " times of late: a setup script could do it."),
             std::min(1.0, static_cast<double>(count) / 5.0),
             ids[action],
             {}});
  }
}

void draw_alternatives(const material& from, const entry_table& entries, collector& out) {
  constexpr std::size_t looked_at = 5;
  for (const auto& failed : from.newest) {
    if (failed.success)
      continue;
    const auto found = entries.similar(failed.context, looked_at);
    const auto better = std::ranges::find_if(found, [&](slot each) {
      return entries.success_of(each) && entries.action_of(each) != failed.action;
    });
    if (better == found.end())
      continue;
    out.add({std::string{alternative}, failed.action},
            {{},
             std::string{alternative},
             joined(alternative_title, failed.action),
             joined("In a similar case this worked: ", entries.action_of(*better)),
             0.7,
             {std::to_string(failed.id)},
             {}});
  }
}

void draw_automations(const material& from, collector& out) {
  for (const auto& each : from.patterns)
    if (each.confidence > 0.8 && each.frequency >= 5)
      out.add({std::string{proactive}, each.pattern_id},
              {{},
               std::string{optimization},
               joined(automate_title, each.description),
               "You frequently do this (" + std::to_string(each.frequency)
                 + " times). Would you like to automate it?",
               each.confidence,
               {each.pattern_id},
               {}});
}

bool shares_keyword(const suggestion& what, const std::set<std::string>& wanted) {
  for (const auto& text : {what.title, what.description})
    for (const auto& word : keywords(text))
      if (wanted.contains(word))
        return true;
  return false;
}

} // namespace

std::string pattern_id_of(std::string_view category, std::string_view action) {
  return text::sha256_hex(std::string{category}.append(":").append(action)).substr(0, id_digits);
}

std::string suggestion_id_of(const suggestion_key& key, std::string_view local_date) {
  return text::sha256_hex(
           std::string{key.kind}.append(":").append(key.identifier).append(":").append(local_date))
    .substr(0, id_digits);
}

std::optional<suggestion_key> key_of(const suggestion& stored) {
  const std::string_view title = stored.title;
  suggestion_key key;
  if (stored.suggestion_type == optimization && title.starts_with(frequent_title))
    key = {std::string{optimization}, std::string{title.substr(frequent_title.size())}};
  else if (stored.suggestion_type == alternative && title.starts_with(alternative_title))
    key = {std::string{alternative}, std::string{title.substr(alternative_title.size())}};
  else if (title.starts_with(automate_title) && stored.based_on.size() == 1)
    key = {std::string{proactive}, stored.based_on.front()};
  else
    return std::nullopt;
  // Who else writes such a title does not know how the id is made.
  const auto date = std::string_view{stored.created_at}.substr(0, date_length);
  if (suggestion_id_of(key, date) != stored.suggestion_id)
    return std::nullopt;
  return key;
}

std::vector<suggestion> draw_suggestions(const material& from, const entry_table& entries,
                                         std::string_view context, const std::string& now) {
  collector drawn{now};
  draw_optimizations(from, drawn);
  draw_alternatives(from, entries, drawn);
  draw_automations(from, drawn);
  auto out = drawn.take();
  if (context.empty())
    return out;
  const auto words = keywords(context);
  const std::set<std::string> wanted{words.begin(), words.end()};
  std::erase_if(out, [&](const suggestion& each) { return !shares_keyword(each, wanted); });
  return out;
}

} // namespace cortex::context_memory
