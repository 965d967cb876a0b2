#include "cortex/config_manager/layers.hpp"

#include "cortex/config_manager/spelling.hpp"

#include <algorithm>

namespace cortex::config_manager {
namespace {

bool is_mapping(const yaml& what) noexcept {
  return what.kind() == yaml_kind::mapping;
}

expected<void> check(const key_path& key) {
  if (key.empty())
    return fail(errc::invalid_argument, "no key");
  if (std::any_of(key.begin(), key.end(), [](const std::string& part) { return part.empty(); }))
    return fail(errc::invalid_argument, "key '" + dotted(key) + "' has an empty part");
  return {};
}

/// The mapping that holds the last part; null if it is missing.
expected<yaml*> holder_of(yaml& root, const key_path& key) {
  if (auto good = check(key); !good)
    return unexpected{std::move(good).error()};
  yaml* at = &root;
  for (std::size_t i = 0;; ++i) {
    if (!at->is_null() && !is_mapping(*at))
      return fail(
        errc::constraint,
        (i == 0 ? "the document"
                : "'" + dotted({key.begin(), key.begin() + static_cast<std::ptrdiff_t>(i)}) + "'")
          + " is " + std::string{to_string(at->kind())} + ", not a mapping");
    if (i + 1 == key.size())
      return at;
    auto* next = at->find(key[i]);
    if (next == nullptr)
      return nullptr;
    at = next;
  }
}

std::string text_of(const yaml& key) {
  return key.text() != nullptr ? *key.text() : key.source();
}

void compare(const yaml& before, const yaml& after, const std::string& above, std::size_t most,
             std::vector<std::string>& out) {
  const auto name_of = [&above](const yaml& key) {
    return above.empty() ? text_of(key) : above + '.' + text_of(key);
  };
  const auto& olds = *before.members();
  const member_index old_ones{olds};
  for (const auto& [key, now] : *after.members()) {
    if (out.size() > most)
      return;
    const auto at = old_ones.find(key);
    const auto* was = at ? &olds[*at].value : nullptr;
    if (was != nullptr && is_mapping(*was) && is_mapping(now) && was->size() + now.size() > 0)
      compare(*was, now, name_of(key), most, out);
    else if (was == nullptr || !(*was == now))
      out.push_back(name_of(key));
  }
  const member_index new_ones{*after.members()};
  for (const auto& [key, was] : olds)
    if (out.size() <= most && !new_ones.find(key))
      out.push_back(name_of(key));
}

/// Whether the key is known, below a known one, or on the way to one.
bool is_known(const std::string& key, const std::vector<std::string>& known) noexcept {
  return std::any_of(known.begin(), known.end(), [&key](const std::string& each) {
    return key == each || key.starts_with(each + '.');
  });
}

bool leads_to_known(const std::string& key, const std::vector<std::string>& known) noexcept {
  return std::any_of(known.begin(), known.end(),
                     [&key](const std::string& each) { return each.starts_with(key + '.'); });
}

void check_members(const layer& what, const yaml& values, const std::string& above,
                   const std::vector<std::string>& known, std::vector<std::string>& warnings) {
  constexpr std::size_t most_warnings = 100;
  for (const auto& [key, value] : *values.members()) {
    if (warnings.size() >= most_warnings)
      return;
    const auto name = above.empty() ? text_of(key) : above + '.' + text_of(key);
    if (is_known(name, known))
      continue;
    if (leads_to_known(name, known) && is_mapping(value)) {
      check_members(what, value, name, known, warnings);
      continue;
    }
    auto place = what.source.empty() ? std::string{to_string(what.origin)} : what.source;
    if (key.mark().line > 0)
      place += ":" + std::to_string(key.mark().line);
    warnings.push_back(place + ": " + unknown_key(name, known));
  }
}

/// `LLM__PROVIDER` -> llm, provider; empty if a part is.
key_path key_of_variable(std::string_view name) {
  key_path key;
  for (;;) {
    const auto end = name.find("__");
    std::string part{name.substr(0, end)};
    for (char& each : part)
      if (each >= 'A' && each <= 'Z')
        each = static_cast<char>(each - 'A' + 'a');
    if (part.empty())
      return {};
    key.push_back(std::move(part));
    if (end == name.npos)
      return key;
    name.remove_prefix(end + 2);
  }
}

/// Whether a text is one scalar in quotes from its beginning to its end.
bool is_quoted(std::string_view text) noexcept {
  const char quote = text.empty() ? '\0' : text.front();
  if (quote != '"' && quote != '\'')
    return false;
  std::size_t at = 1;
  for (; at < text.size(); ++at) {
    if (quote == '"' && text[at] == '\\')
      ++at; // and what it stands before
    else if (text[at] == quote && quote == '\'' && text.substr(at + 1, 1) == "'")
      ++at; // two are one
    else if (text[at] == quote)
      break;
  }
  return at + 1 == text.size();
}

// What YAML would leave out of a text (a comment, a tag, an anchor) belongs to it here: it stays as
// it is, as does what is more than a scalar.
yaml scalar_of(const std::string& text) {
  constexpr std::size_t longest = 65'536;
  yaml_options how;
  how.limits = {longest, 2, 16, how.limits.max_digits};
  auto read = yaml::parse(text, how);
  const bool scalar = read && read->root.elements() == nullptr && read->root.members() == nullptr;
  if (scalar && (read->root.source() == text || is_quoted(text)))
    return std::move(read->root);
  return yaml{text};
}

} // namespace

std::string dotted(const key_path& key) {
  std::string out;
  for (const auto& part : key)
    out += (&part == &key.front() ? "" : ".") + part;
  return out;
}

key_path parse_key(std::string_view dotted) {
  key_path key;
  for (;;) {
    const auto end = dotted.find('.');
    key.emplace_back(dotted.substr(0, end));
    if (end == dotted.npos)
      return key;
    dotted.remove_prefix(end + 1);
  }
}

std::string_view to_string(origin what) noexcept {
  switch (what) {
    case origin::defaults: return "default";
    case origin::system: return "system";
    case origin::user: return "user";
    case origin::environment: return "environment";
    case origin::argument: return "argument";
  }
  return "unknown";
}

member_index::member_index(const yaml::mapping_type& members) : members_(members) {
  texts_.reserve(members.size());
  for (std::size_t i = 0; i < members.size(); ++i)
    if (const auto* text = members[i].key.text())
      texts_.emplace(*text, i);
    else
      others_.push_back(i);
}

std::optional<std::size_t> member_index::find(const yaml& key) const {
  if (const auto* text = key.text()) {
    const auto at = texts_.find(*text);
    return at == texts_.end() ? std::nullopt : std::optional{at->second};
  }
  const auto at = std::find_if(others_.begin(), others_.end(),
                               [&](std::size_t place) { return members_[place].key == key; });
  return at == others_.end() ? std::nullopt : std::optional{*at};
}

const yaml* find_at(const yaml& root, const key_path& key) noexcept {
  const yaml* at = &root;
  for (const auto& part : key)
    if (at != nullptr)
      at = at->find(part);
  return at;
}

expected<void> set_at(yaml& root, const key_path& key, yaml value) {
  const auto holder = holder_of(root, key);
  if (!holder)
    return unexpected{holder.error()};
  yaml* at = &root;
  for (std::size_t i = 0; i + 1 < key.size(); ++i) {
    if (at->find(key[i]) == nullptr)
      at->set(key[i], yaml::mapping());
    at = at->find(key[i]);
  }
  at->set(key.back(), std::move(value));
  return {};
}

expected<void> erase_at(yaml& root, const key_path& key) {
  const auto holder = holder_of(root, key);
  if (!holder)
    return unexpected{holder.error()};
  if (*holder != nullptr)
    (*holder)->erase(key.back());
  return {};
}

void merge_over(yaml& under, const yaml& over) {
  if (!is_mapping(under) || !is_mapping(over)) {
    under = over;
    return;
  }
  auto members = *under.members();
  members.reserve(members.size() + over.size()); // what the index names stays in its place
  const member_index present{members};
  for (const auto& [key, value] : *over.members()) {
    if (key.text() == nullptr)
      continue; // no way leads to it
    if (const auto at = present.find(key))
      merge_over(members[*at].value, value);
    else
      members.push_back({key, value});
  }
  under = yaml::mapping_of(std::move(members));
}

std::vector<std::string> changed_keys(const yaml& before, const yaml& after, std::size_t most) {
  static const yaml nothing = yaml::mapping();
  std::vector<std::string> out;
  compare(is_mapping(before) ? before : nothing, is_mapping(after) ? after : nothing, "", most,
          out);
  return out;
}

layer environment_layer(const std::vector<std::pair<std::string, std::string>>& variables,
                        const std::string& prefix, std::vector<std::string>& notices) {
  layer out{origin::environment, prefix, yaml::mapping(), {}};
  if (prefix.empty())
    return out;
  auto sorted = variables;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& left, const auto& right) { return left.first < right.first; });
  for (const auto& [name, text] : sorted) {
    if (!name.starts_with(prefix))
      continue;
    const auto key = key_of_variable(std::string_view{name}.substr(prefix.size()));
    if (key.empty()) {
      notices.push_back("the variable " + name + " names no key");
      continue;
    }
    if (find_at(out.values, key) != nullptr) {
      notices.push_back("the variable " + name + " names a key that another one names");
      continue;
    }
    if (const auto set = set_at(out.values, key, scalar_of(text)); !set)
      notices.push_back("the variable " + name + " is not used: " + set.error().detail);
    else
      out.variables.emplace_back(key, name);
  }
  return out;
}

void check_known(const layer& what, const std::vector<std::string>& known,
                 std::vector<std::string>& warnings) {
  if (!known.empty() && is_mapping(what.values))
    check_members(what, what.values, "", known, warnings);
}

expected<value> snapshot::get(const key_path& key) const {
  if (auto good = check(key); !good)
    return unexpected{std::move(good).error()};
  const auto* found = find_at(*merged, key);
  if (found == nullptr)
    return fail(errc::not_found, "no value '" + dotted(key) + "'");
  for (auto at = layers.rbegin(); at != layers.rend(); ++at) {
    const auto& from = **at;
    const auto* here = find_at(from.values, key);
    if (here == nullptr)
      continue;
    value out{*found, from.origin, from.source, here->mark()};
    for (const auto& [name, variable] : from.variables)
      if (name.size() >= key.size() && std::equal(key.begin(), key.end(), name.begin()))
        out.source = variable;
    return out;
  }
  return fail(errc::internal, "a value without a layer");
}

} // namespace cortex::config_manager
