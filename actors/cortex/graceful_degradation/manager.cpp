// What a manager does on its caller's thread: asking models, checking them, falling back.
#include "cortex/graceful_degradation/manager.hpp"

#include "cortex/graceful_degradation/words.hpp"
#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace cortex::graceful_degradation {
namespace {

constexpr auto slow = std::chrono::milliseconds{1000};
constexpr const char* by_hand
  = "No model can be asked, and nothing that is stored answers this. By hand:\n"
    "  apt search <package>        looks for a package\n"
    "  apt show <package>          says what is in it\n"
    "  sudo apt install <package>  installs it\n";

std::string text_of(const error& problem) {
  return problem.detail.empty() ? to_string(problem) : problem.detail;
}

bool is_set(const char* name) {
  const char* value = std::getenv(name); // NOLINT(concurrency-mt-unsafe): nobody sets it
  return value != nullptr && *value != '\0';
}

/// What the providers made of a query.
struct asked {
  mode at_start = mode::full_ai;
  std::optional<answer> answered{};
  std::string reason{};
};

std::string why_not_asked(const permit& given) {
  return given.mode == mode::full_ai
           ? "all providers have failed just now"
           : "no model is asked in mode " + std::string{to_string(given.mode)};
}

expected<asked> ask_providers(const detail::manager_parts& parts, const query& what,
                              const std::vector<provider>& providers) {
  admit question;
  for (const auto& each : providers) {
    if (!each.ask)
      return fail(errc::invalid_argument, "provider '" + each.name + "' has no function");
    question.names.push_back(each.name);
  }
  const auto given = parts.actor.call(std::move(question));
  if (!given)
    return unexpected{given.error()};
  asked out{given->mode, {}, given->ask.empty() ? why_not_asked(*given) : ""};
  if (given->ask.empty())
    return out;

  report how;
  how.how.forced = given->forced;
  for (const auto place : given->ask)
    how.how.permitted.push_back(providers[place].name);
  for (const auto place : given->ask) {
    const auto& [name, function] = providers[place];
    auto said = parts.calls->run<std::string>(
      [ask = function, text = what.text()](std::stop_token stop) {
        return ask(model_call{text, std::move(stop)});
      },
      parts.api_timeout);
    if (said) {
      answer got{what.text(), *said};
      got.source = source::llm;
      got.confidence = 1.0;
      got.mode = out.at_start;
      got.provider = name;
      out.answered = std::move(got);
      how.how.answered = name;
      how.answer.emplace(what, *std::move(said));
      break;
    }
    auto why = text_of(said.error());
    out.reason += (out.reason.empty() ? "" : "; ") + name + ": " + why;
    how.how.failed.push_back({name, std::move(why)});
  }
  // An answer goes to the caller whether it can be noted or not.
  if (auto noted = parts.actor.call(std::move(how)); !noted && out.answered)
    parts.rt.log(severity::warning, "graceful_degradation",
                 "an answer is not noted: " + to_string(noted.error()));
  return out;
}

answer from_record(answer out, const record& stored, wall_time now) {
  out.response = stored.response;
  out.cached = true;
  const auto age = std::chrono::floor<std::chrono::seconds>(now) - stored.created_at;
  out.age = std::max(age, std::chrono::seconds{0});
  return out;
}

/// Whether what answers the one query may be shown for the other.
bool answers_too(const patterns& table, const query& what, const std::string& stored) {
  if (!mostly_common(what.normalized(), text::to_lower(stored)))
    return false;
  const auto wanted = table.match(what.text());
  const auto had = table.match(stored);
  return !wanted || !had || wanted->command.text == had->command.text;
}

answer fall_back(const detail::manager_parts& parts, const query& what, const recalled& known) {
  answer out;
  out.query = what.text();
  out.mode = known.mode;
  if (known.exact) {
    out.source = source::cache;
    out.confidence = 0.9;
    return from_record(std::move(out), *known.exact, parts.rt.wall().now());
  }
  if (known.similar && answers_too(parts.patterns, what, known.similar->query)) {
    out.source = source::cache_similar;
    out.confidence = 0.7;
    out.similar_query = known.similar->query;
    return from_record(std::move(out), *known.similar, parts.rt.wall().now());
  }
  if (auto found = parts.patterns.match(what.text())) {
    out.source = source::pattern_matching;
    out.confidence = found->confidence;
    out.response = "Suggested command: " + found->command.text;
    out.command = std::move(found->command);
    return out;
  }
  out.source = source::manual_mode;
  out.response = by_hand;
  return out;
}

} // namespace

expected<answer> manager::process(const query& what, const std::vector<provider>& providers) const {
  if (what.problem() != nullptr)
    return fail(errc::invalid_argument, what.problem());
  std::optional<asked> models;
  if (!providers.empty()) {
    auto outcome = ask_providers(*parts_, what, providers);
    if (!outcome)
      return unexpected{std::move(outcome).error()};
    if (outcome->answered)
      return *std::move(outcome->answered);
    models = *std::move(outcome);
  }
  const auto known = parts_->actor.call(recall{what});
  if (!known)
    return unexpected{known.error()};
  auto out = fall_back(*parts_, what, *known);
  if (models) {
    out.mode = models->at_start;
    out.reason = std::move(models->reason);
  }
  return out;
}

expected<answer> manager::process(const query& what, model_function ask) const {
  if (!ask)
    return process(what);
  return process(what, std::vector<provider>{{"model", std::move(ask)}});
}

expected<answer> manager::process(const query& what) const {
  return process(what, std::vector<provider>{});
}

expected<health> manager::check_health(check_function check) const {
  if (auto refused = cortex::detail::blocking_refused("a health check"))
    return unexpected{*std::move(refused)};
  const auto& clock = parts_->rt.monotonic();
  const auto begun = clock.now();
  auto up = expected<bool>{is_set("ANTHROPIC_API_KEY") || is_set("OPENAI_API_KEY")};
  if (check)
    up = parts_->calls->run<bool>(
      [check = std::move(check)](const std::stop_token& /*stop*/) { return check(); },
      parts_->api_timeout);
  const auto took = clock.now() - begun;

  health found;
  found.checked_at = parts_->rt.wall().now();
  if (up)
    found.latency = took;
  else
    found.error = text_of(up.error());
  if (!up || !*up)
    found.status = api_status::unavailable;
  else
    found.status = took < slow ? api_status::available : api_status::degraded;
  if (auto noted = parts_->actor.call(note_check{found}); !noted)
    return unexpected{std::move(noted).error()};
  return found;
}

std::optional<matched> manager::match(std::string_view query) const {
  return parts_->patterns.match(query);
}

expected<statistics> manager::cache_statistics() const {
  auto counted = parts_->actor.call(count{});
  if (!counted)
    return counted;
  std::error_code none; // a memory database has no file
  const auto bytes = std::filesystem::file_size(parts_->file.path(), none);
  if (!none)
    counted->db_size_kb = static_cast<double>(bytes) / 1024.0;
  return counted;
}

std::size_t manager::running_calls() const noexcept {
  return parts_->calls->running();
}

const std::vector<std::string>& manager::notices() const noexcept {
  return parts_->notices;
}

const storage::database& manager::database() const noexcept {
  return parts_->file;
}

} // namespace cortex::graceful_degradation
