// Making the machine what a file says.
#include "cortex/config_manager/install.hpp"
#include "cortex/config_manager/session.hpp"
#include "cortex/text/redaction.hpp"
#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace cortex::config_manager {
namespace {

/// The end of what a program said: there it says why. Without secrets, such as those in addresses
/// that it fetched from.
std::string last_words(std::string_view said) {
  constexpr std::size_t longest = 4096;
  auto text = text::redacted(said);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  if (text.size() > longest)
    text.erase(0, text.size() - longest);
  while (!text.empty() && (static_cast<unsigned char>(text.front()) & 0xC0U) == 0x80U)
    text.erase(0, 1); // the rest of a letter
  if (!text::valid_utf8(text))
    std::replace_if(
      text.begin(), text.end(), [](char each) { return static_cast<unsigned char>(each) >= 0x80; },
      '?');
  return text;
}

unexpected incompatible(const std::string& reason) {
  const bool newer = reason.starts_with("Configuration requires newer");
  return fail(newer ? errc::newer_format : errc::invalid_argument,
              "Incompatible configuration: " + reason);
}

/// What has to be known before anything is done.
struct plan {
  yaml configuration;
  sections which;
  difference diff;
  std::vector<std::string> warnings;
};

expected<plan> make_plan(const session& in, const import_from& what,
                         const expected<yaml>& preferences) {
  plan out;
  auto which = read_sections(what.sections);
  if (!which)
    return unexpected{std::move(which).error()};
  out.which = *which;
  auto document = read_document(in, what.path);
  if (!document)
    return unexpected{std::move(document).error()};
  for (const auto& each : document->warnings)
    out.warnings.push_back(each.text);
  out.configuration = std::move(document->root);
  auto checked = validate_on(in, out.configuration);
  if (out.configuration.members() == nullptr || (!what.force && !checked.ok))
    return incompatible(*checked.reason);
  if (!what.force && checked.reason)
    out.warnings.push_back(*checked.reason);
  out.warnings.insert(out.warnings.end(), checked.warnings.begin(), checked.warnings.end());
  auto diff = compare_on(in, out.configuration, out.which, preferences);
  if (!diff)
    return unexpected{std::move(diff).error()};
  out.diff = *std::move(diff);
  return out;
}

void note_failure(const std::string& name, const std::string& source, const error& why,
                  imported& out) {
  out.failures.push_back({name, source, why});
}

/// The right to be the import that changes something. Package managers cannot work side by side.
class turn {
public:
  explicit turn(const session& in) : taken_(in.importing), mine_(!taken_->exchange(true)) {}
  turn(const turn&) = delete;
  turn& operator=(const turn&) = delete;
  ~turn() {
    if (mine_)
      taken_->store(false);
  }
  [[nodiscard]] bool mine() const noexcept { return mine_; }

private:
  std::shared_ptr<std::atomic<bool>> taken_;
  bool mine_;
};

void finish(promise<imported>& reply, imported& summary, const expected<saved>& stored) {
  if (stored) {
    summary.preferences_updated = true;
  } else {
    summary.failed.push_back("preferences (" + stored.error().detail + ")");
    note_failure("preferences", "", stored.error(), summary);
  }
  reply.set(std::move(summary));
}

} // namespace

void import_on(const shared_session& in, const import_from& what, const expected<yaml>& preferences,
               promise<imported> reply) {
  std::optional<turn> own;
  if (!what.dry_run && !own.emplace(*in).mine()) {
    reply.set(fail(errc::in_use, "another import is running"));
    return;
  }
  auto made = make_plan(*in, what, preferences);
  if (!made) {
    own.reset(); // before the asker hears of it
    reply.set(unexpected{std::move(made).error()});
    return;
  }
  imported out;
  out.warnings = std::move(made->warnings);
  if (what.dry_run) {
    out.dry_run = true;
    out.diff = std::move(made->diff);
    out.message = "Dry-run completed. Use import without --dry-run to apply changes.";
    reply.set(std::move(out));
    return;
  }
  for (const auto* more : {&made->diff.warnings, &made->diff.notices})
    out.warnings.insert(out.warnings.end(), more->begin(), more->end());
  const auto given_up
    = [&] { return what.stop.stop_requested() || in->calls->stopping().stop_requested(); };
  installer{*in, what, given_up}.run(made->diff, out);
  own.reset();

  const auto* wanted = made->configuration.find("preferences");
  const bool any = wanted != nullptr && wanted->members() != nullptr && wanted->size() > 0;
  if (!made->which.preferences || !any || given_up()) {
    reply.set(std::move(out));
    return;
  }
  auto change = what.replace_preferences ? write_request{save_preferences{*wanted}}
                                         : write_request{merge_preferences{*wanted}};
  auto [owed, stored] = make_promise<saved>();
  static_cast<void>(stored.then(
    inline_executor(), [reply = std::move(reply), out = std::move(out)](
                         const expected<saved>& done) mutable { finish(reply, out, done); }));
  in->preferences->write(std::move(change), std::move(owed));
}

void installer::run(const difference& what, imported& out) {
  run_list(what.to_install, install_action::install, out.installed, out);
  run_list(what.to_upgrade, install_action::upgrade, out.upgraded, out);
  run_list(what.to_downgrade, install_action::downgrade, out.downgraded, out);
}

void installer::run_list(const std::vector<package_change>& changes, install_action action,
                         std::vector<std::string>& done, imported& out) {
  std::vector<std::vector<package_change>> commands;
  std::map<std::string, std::size_t> batches; // of a source, where it is in `commands`
  for (const auto& each : changes) {
    // A package that is refused goes alone, so that it takes no other one with it.
    if (how_.batches && install_command({each.wanted}, action, how_.end_of_options)) {
      const auto [at, fresh] = batches.try_emplace(each.wanted.source, commands.size());
      if (!fresh) {
        commands[at->second].push_back(each);
        continue;
      }
    }
    commands.push_back({each});
  }
  for (auto& each : commands)
    run_command(std::move(each), action, done, out);
}

void installer::run_command(std::vector<package_change> changes, install_action action,
                            std::vector<std::string>& done, imported& out) {
  if (given_up_()) {
    for (const auto& each : changes)
      out.skipped.push_back(each.wanted.name);
    return;
  }
  std::vector<package> packages;
  for (const auto& each : changes)
    packages.push_back(each.wanted);
  const auto words = install_command(packages, action, how_.end_of_options);
  outcome ended;
  install_record record{action, changes, {}};
  record.begun = in_.rt.wall().now();
  if (words) {
    record.arguments = *words;
    ended = execute(*words);
    record.ended = in_.rt.wall().now();
    record.succeeded = ended.succeeded;
    record.errors = ended.succeeded ? "" : ended.why.detail;
  } else {
    ended.why = words.error();
  }
  for (const auto& [name, version, source] : packages) {
    if (ended.succeeded) {
      done.push_back(name);
      continue;
    }
    out.failed.push_back(ended.thrown ? name + " (" + ended.why.detail + ")" : name);
    note_failure(name, source, ended.why, out);
  }
  if (!words || !in_.how.on_install)
    return;
  try {
    in_.how.on_install(record);
  } catch (const std::exception& thrown) {
    out.warnings.push_back(std::string{"the history has no record of a command: "} + thrown.what());
  } catch (...) {
    out.warnings.emplace_back("the history has no record of a command");
  }
}

installer::outcome installer::execute(const std::vector<std::string>& words) const {
  try {
    if (in_.how.sandbox) {
      const auto said = in_.how.sandbox(joined(words));
      if (!said)
        return {false, true, said.error()};
      return {said->success, false, {errc::unavailable, last_words(said->errors)}};
    }
    process_command what;
    what.arguments = words;
    what.timeout = in_.how.install_limit; // it is never ended early: half an installation is worse
    const auto ended = in_.how.runner(what);
    if (!ended)
      return {false, false, ended.error()};
    auto said = last_words(ended->errors.empty() ? ended->output : ended->errors);
    if (said.empty())
      said = "it ended with status " + std::to_string(ended->exit_status);
    return {ended->succeeded(), false, {errc::unavailable, std::move(said)}};
  } catch (const std::exception& thrown) {
    return {false, true, {errc::unavailable, thrown.what()}};
  } catch (...) {
    return {false, true, {errc::unavailable, "what runs commands threw"}};
  }
}

} // namespace cortex::config_manager
