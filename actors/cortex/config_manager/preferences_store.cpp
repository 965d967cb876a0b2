#include "cortex/config_manager/preferences_store.hpp"

#include "cortex/config_manager/files.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace cortex::config_manager {
namespace {

constexpr std::size_t most_keys = 1000; // that are told

std::shared_ptr<const layer> share(layer what) {
  return std::make_shared<const layer>(std::move(what));
}

layer layer_of(origin from, const preferences_file& file) {
  return {from, file.path(), file.root(), {}};
}

bool replaces_damaged(const write_request& change) noexcept {
  return std::visit([](const auto& each) { return each.replace_damaged; }, change);
}

expected<saved> apply_save(const save_preferences& change, yaml& to) {
  const auto& wanted = change.preferences;
  if (!wanted.is_null() && wanted.kind() != yaml_kind::mapping)
    return fail(errc::invalid_argument,
                "preferences are a mapping, not " + std::string{to_string(wanted.kind())});
  auto after = wanted.is_null() ? yaml::mapping() : wanted;
  saved out{changed_keys(to, after, most_keys)};
  to = std::move(after);
  return out;
}

expected<void> apply_one(const preference_update& change, yaml& to, saved& out) {
  const auto* was = find_at(to, change.key);
  const bool differs = change.value ? was == nullptr || !(*was == *change.value) : was != nullptr;
  auto done = change.value ? set_at(to, change.key, *change.value) : erase_at(to, change.key);
  if (done && differs)
    out.changed.push_back(dotted(change.key));
  return done;
}

expected<saved> apply_update(const update_preferences& change, yaml& to) {
  saved out;
  if (change.changes.size() == 1) { // which changes nothing if it fails
    auto done = apply_one(change.changes.front(), to, out);
    return done ? expected<saved>{std::move(out)} : unexpected{std::move(done).error()};
  }
  auto attempt = to;
  for (const auto& each : change.changes)
    if (auto done = apply_one(each, attempt, out); !done)
      return unexpected{std::move(done).error()};
  to = std::move(attempt);
  return out;
}

expected<saved> apply_merge(const merge_preferences& change, yaml& to) {
  if (to.members() == nullptr)
    return fail(errc::constraint,
                "the document is " + std::string{to_string(to.kind())} + ", not a mapping");
  const auto before = to;
  auto members = *to.members();
  const auto& wanted = *change.preferences.members();
  members.insert(members.end(), wanted.begin(), wanted.end());
  to = yaml::mapping_of(std::move(members)); // of a key that comes twice the last value
  return saved{changed_keys(before, to, most_keys)};
}

struct apply_to {
  yaml& to;
  expected<saved> operator()(const save_preferences& change) const {
    return apply_save(change, to);
  }
  expected<saved> operator()(const update_preferences& change) const {
    return apply_update(change, to);
  }
  expected<saved> operator()(const merge_preferences& change) const {
    return apply_merge(change, to);
  }
};

} // namespace

preferences_store::preferences_store(store_setting setting,
                                     std::shared_ptr<published<snapshot>> out,
                                     std::function<void(change)> tell)
  : setting_(std::move(setting)),
    out_(std::move(out)),
    tell_(std::move(tell)),
    user_(setting_.path, setting_.how, true),
    user_layer_(share({origin::user, setting_.path, yaml::mapping(), {}})),
    system_layer_(share({origin::system, setting_.system_file, yaml::mapping(), {}})),
    defaults_(share(std::move(setting_.defaults))),
    environment_(share(std::move(setting_.environment))),
    arguments_(share(std::move(setting_.arguments))) {
  if (!setting_.system_file.empty())
    system_.emplace(setting_.system_file, setting_.how, false);
  read_user();
  read_system();
  publish(true);
}

bool preferences_store::read_user() {
  const auto read = user_.read();
  const auto problem = read ? std::nullopt : std::optional{read.error()};
  const bool other = (read && *read) || problem != unread_;
  unread_ = problem;
  return other;
}

bool preferences_store::read_system() {
  if (!system_)
    return false;
  const auto read = system_->read();
  const auto problem = read ? system_->damage() : std::optional{read.error()};
  const bool other = (read && *read) || problem != system_unread_;
  system_unread_ = problem;
  if (other && !system_unread_)
    system_layer_ = share(layer_of(origin::system, *system_));
  return other;
}

void preferences_store::refresh() {
  const bool user = read_user();
  const bool system = read_system();
  if (user || system)
    publish(true);
}

expected<yaml> preferences_store::content() const {
  if (unread_)
    return unexpected{*unread_};
  if (user_.damage())
    return unexpected{*user_.damage()};
  return user_.root();
}

std::vector<expected<saved>> preferences_store::commit(const std::vector<write_request>& changes,
                                                       std::stop_token stop) {
  auto out = commit_all(changes, std::move(stop));
  for (auto& each : out)
    if (!each) {
      auto why = std::move(each).error();
      why.detail = "Failed to save preferences: " + why.detail;
      each = unexpected{std::move(why)};
    }
  return out;
}

preferences_store::results preferences_store::commit_all(const std::vector<write_request>& changes,
                                                         std::stop_token stop) {
  results out(changes.size());
  const auto refuse = [&out](const error& why) {
    std::fill(out.begin(), out.end(), expected<saved>{unexpected{why}});
  };
  const auto lock = file_lock::acquire(user_.path(), setting_.lock_patience, std::move(stop));
  if (!lock) {
    refuse(lock.error());
    return out;
  }
  if (read_user())
    publish(true);
  if (unread_) {
    refuse(*unread_);
    return out;
  }
  std::vector<const write_request*> all;
  for (const auto& each : changes)
    all.push_back(&each);
  write(all, out);
  publish(false);
  return out;
}

// `changes` has null where a change has failed already.
void preferences_store::write(const std::vector<const write_request*>& changes, results& out) {
  auto content = user_.root();
  bool damaged = user_.damage().has_value();
  std::vector<std::size_t> good;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (changes[i] == nullptr)
      continue;
    out[i] = apply(*changes[i], content, damaged);
    if (out[i])
      good.push_back(i);
  }
  if (good.empty())
    return;
  const auto written = user_.write(content);
  if (written)
    return;
  // What cannot be written may be the fault of one of them.
  if (written.error() == errc::invalid_argument && good.size() > 1) {
    for (const auto i : good) {
      std::vector<const write_request*> alone(changes.size());
      alone[i] = changes[i];
      write(alone, out);
    }
    return;
  }
  for (const auto i : good)
    out[i] = unexpected{written.error()};
}

expected<saved> preferences_store::apply(const write_request& change, yaml& to,
                                         bool& damaged) const {
  if (damaged && !replaces_damaged(change))
    return fail(errc::corrupt, user_.damage()->detail + "; it is not replaced unasked");
  auto done = std::visit(apply_to{to}, change);
  damaged = damaged && !done;
  return done;
}

std::optional<error> preferences_store::problem() const {
  if (unread_)
    return unread_;
  return user_.damage() ? user_.damage() : system_unread_;
}

std::shared_ptr<snapshot> preferences_store::assemble() const {
  auto next = std::make_shared<snapshot>();
  next->layers = {defaults_, system_layer_, user_layer_, environment_, arguments_};
  yaml merged = yaml::mapping();
  for (const auto& each : next->layers)
    if (each->values.kind() == yaml_kind::mapping)
      merge_over(merged, each->values);
  next->merged = std::make_shared<const yaml>(std::move(merged));
  next->problem = problem();
  const auto tell = [&next](const preferences_file& file) {
    for (const auto& each : file.warnings())
      next->warnings.push_back(file.path() + ": " + each.text);
  };
  if (system_)
    tell(*system_);
  tell(user_);
  for (const auto& each : next->layers)
    check_known(*each, setting_.known_keys, next->warnings);
  return next;
}

void preferences_store::publish(bool foreign) {
  if (!unread_ && !user_.damage())
    user_layer_ = share(layer_of(origin::user, user_));
  const auto before = out_->get();
  auto next = assemble();
  change what{before->version + 1, changed_keys(*before->merged, *next->merged, most_keys),
              foreign};
  if (what.keys.size() > most_keys) {
    what.keys.resize(most_keys);
    what.incomplete = true;
  }
  const auto text_of = [](const std::optional<error>& problem) {
    return problem ? to_string(*problem) : std::string{};
  };
  const bool other_problem = text_of(before->problem) != text_of(next->problem);
  if (other_problem)
    what.problem = next->problem;
  const bool different = !what.keys.empty() || other_problem;
  next->version = before->version + (different ? 1 : 0);
  out_->publish(std::move(next));
  if (different)
    tell_(std::move(what));
}

} // namespace cortex::config_manager
