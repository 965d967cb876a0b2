#include "cortex/semantic_cache.hpp"

#include "cortex/detail/actor_name.hpp"
#include "cortex/detail/spawn_loaded.hpp"
#include "cortex/semantic_cache/actor.hpp"
#include "cortex/semantic_cache/codec.hpp"
#include "cortex/semantic_cache/export_json.hpp"
#include "cortex/semantic_cache/schema.hpp"
#include "cortex/semantic_cache/settings.hpp"
#include "cortex/text/atomic_file.hpp"
#include "cortex/text/digest.hpp"
#include "cortex/text/home.hpp"
#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace cortex::semantic_cache {
namespace {

constexpr const char* default_path = "/var/lib/cortex/cache.db";

// A system prompt is long and the same from call to call: each thread remembers its last one.
const text::sha256_digest& hash_of_system(std::string_view prompt) {
  struct remembered {
    std::string prompt;
    text::sha256_digest digest = text::sha256({});
    bool valid = true;
  };
  thread_local remembered last;
  if (last.prompt != prompt) {
    last.digest = text::sha256(prompt);
    last.prompt = prompt;
  }
  return last.digest;
}

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str()); // NOLINT(concurrency-mt-unsafe): nobody sets it
  return value == nullptr ? std::nullopt : std::optional<std::string>{value};
}

// Rights and read-only media: what a place of one's own can help against.
bool cannot_be_written(errc code) {
  return code == errc::permission || code == errc::read_only;
}

expected<storage::database> open_file(const runtime& rt, const options& wanted,
                                      std::vector<std::string>& notices) {
  auto database = wanted.database;
  database.schema = {"semantic_cache", base_schema, {}};
  database.level = wanted.level;
  const auto path = text::path_or(wanted.path, default_path);
  if (!path)
    return unexpected{path.error()};
  auto opened = storage::database::open(rt, *path, database);
  if (opened || !cannot_be_written(opened.error().code))
    return opened;
  const auto fallback = text::path_or("", "~/.cortex/cache.db");
  if (!fallback)
    return opened;
  notices.push_back("'" + *path + "' cannot be written (" + to_string(opened.error())
                    + "); the cache is '" + *fallback + "'");
  return storage::database::open(rt, *fallback, database);
}

expected<file_content> read_all(storage::database& file) {
  return file.read([](storage::snapshot& view) { return read_file(view); },
                   {.owner = "semantic_cache load"});
}

} // namespace

// -- key ------------------------------------------------------------------------------------------

key::key(std::string prompt, std::string provider, std::string model,
         std::string_view system_prompt)
  : prompt_(std::move(prompt)),
    provider_(std::move(provider)),
    model_(std::move(model)),
    system_hash_(hash_of_system(system_prompt)),
    prompt_hash_(text::sha256(prompt_)) {
  if (!text::valid_utf8(prompt_))
    invalid_text_ = "prompt";
  else if (!text::valid_utf8(provider_))
    invalid_text_ = "provider";
  else if (!text::valid_utf8(model_))
    invalid_text_ = "model";
  else if (!text::valid_utf8(system_prompt))
    invalid_text_ = "system prompt";
}

// -- put ------------------------------------------------------------------------------------------

put::put(key what, std::vector<std::string> commands,
         std::optional<std::chrono::seconds> time_to_live)
  : what_(std::move(what)), time_to_live_(time_to_live), invalid_text_(what_.invalid_text()) {
  if (invalid_text_ == nullptr && !std::ranges::all_of(commands, text::valid_utf8))
    invalid_text_ = "command list";
  // The embedding is left to the cache, which knows most words: a fresh thread would hash each one.
  if (invalid_text_ == nullptr)
    row_ = std::make_shared<const raw_row>(encode_answer(question_of(what_), commands));
  commands_ = std::make_shared<const std::vector<std::string>>(std::move(commands));
}

// -- cache ----------------------------------------------------------------------------------------

cache::cache(const handle& actor, storage::database database, std::vector<std::string> notices)
  : handle(actor),
    database_(std::make_shared<const storage::database>(std::move(database))),
    notices_(std::make_shared<const std::vector<std::string>>(std::move(notices))) {}

expected<found> cache::lead(const key& what,
                            const std::function<expected<std::vector<std::string>>()>& compute,
                            std::optional<std::chrono::seconds> time_to_live) const {
  auto first = call(claim{what});
  if (!first)
    return unexpected{std::move(first).error()};
  if (!first->leads)
    return std::move(first->answer);
  // Whatever happens below, those who wait must hear of it, or `first` ends and one of them leads.
  auto outcome = [&]() -> expected<std::vector<std::string>> {
    try {
      return compute();
    } catch (const std::exception& bug) {
      return fail(errc::internal, std::string{"the computation threw: "} + bug.what());
    } catch (...) {
      return fail(errc::internal, "the computation threw");
    }
  }();
  if (!outcome) {
    static_cast<void>(call(settle{what, unexpected{outcome.error()}}));
    return unexpected{std::move(outcome).error()};
  }
  auto commands = std::make_shared<const std::vector<std::string>>(*outcome);
  auto done = call(settle{what, *std::move(outcome), time_to_live});
  // Another one has settled after `lead_limit`, or the actor was made anew: then nobody waits.
  if (!done && done.error().code == errc::not_found)
    done = call(put{what, *commands, time_to_live});
  if (!done)
    return unexpected{std::move(done).error()};
  return found{match::computed, std::move(commands), done->id, 1.0};
}

expected<std::size_t> cache::export_json(const sink& to, const filter& which) const {
  auto chosen = resolve(which);
  if (!chosen)
    return unexpected{std::move(chosen).error()};
  if (auto flushed = call(flush{}); !flushed)
    return unexpected{std::move(flushed).error()};
  auto file = *database_;
  return file.read([&](storage::snapshot& view) { return write_json(view, *chosen, to); },
                   {.owner = "semantic_cache export"});
}

expected<std::size_t> cache::export_json(const std::string& path, const filter& which) const {
  auto file = text::atomic_file::create(path);
  if (!file)
    return unexpected{std::move(file).error()};
  auto count
    = export_json(sink{[&](std::string_view piece) { return file->append(piece); }}, which);
  if (!count)
    return count;
  if (auto finished = file->finish(); !finished)
    return unexpected{std::move(finished).error()};
  return count;
}

// -- open -----------------------------------------------------------------------------------------

expected<cache> open(const runtime& rt, options wanted) {
  if (wanted.flush_interval.count() < 0 || wanted.flush_lookups < 1
      || wanted.lead_limit.count() <= 0)
    return fail(errc::invalid_argument, "flush_interval: not negative; flush_lookups: at least 1; "
                                        "lead_limit: more than 0");
  if (wanted.max_bytes.value_or(0) < 0 || wanted.time_to_live.value_or(for_ever).count() < 1)
    return fail(errc::invalid_argument, "max_bytes: not negative; time_to_live: more than 0");
  auto resolved = resolve_settings({wanted.max_entries, wanted.threshold}, environment_variable);
  if (!resolved)
    return unexpected{std::move(resolved).error()};
  auto notices = std::move(resolved->notices);
  auto file = open_file(rt, wanted, notices);
  if (!file)
    return unexpected{std::move(file).error()};

  actor_parts parts{*file,
                    rt.unowned(),
                    {resolved->values.max_entries, wanted.max_bytes.value_or(unbounded),
                     seconds_of(wanted.time_to_live.value_or(for_ever))},
                    resolved->values.threshold,
                    wanted.guard,
                    wanted.level,
                    wanted.flush_interval.count() == 0,
                    wanted.flush_lookups,
                    wanted.lead_limit};
  wanted.actor.tick = wanted.flush_interval.count() == 0 ? std::chrono::seconds{1}
                                                         : detail::tick_of(wanted.flush_interval);
  auto spawned = detail::spawn_loaded<actor>(
    rt, detail::actor_name("semantic_cache", file->path()), std::move(parts), read_all,
    [&notices](const file_content& content) {
      if (!content.damaged.empty())
        notices.push_back(std::to_string(content.damaged.size()) + " damaged rows were removed");
    },
    wanted.actor);
  if (!spawned)
    return unexpected{std::move(spawned).error()};
  for (const auto& notice : notices)
    rt.log(severity::warning, "semantic_cache", notice);
  return cache{*spawned, *std::move(file), std::move(notices)};
}

} // namespace cortex::semantic_cache
