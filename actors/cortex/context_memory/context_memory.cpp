#include "cortex/context_memory.hpp"

#include "cortex/context_memory/actor.hpp"
#include "cortex/context_memory/document.hpp"
#include "cortex/context_memory/export_json.hpp"
#include "cortex/context_memory/intake.hpp"
#include "cortex/context_memory/schema.hpp"
#include "cortex/detail/actor_name.hpp"
#include "cortex/detail/spawn_loaded.hpp"
#include "cortex/text/atomic_file.hpp"
#include "cortex/text/home.hpp"

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <system_error>
#include <utility>

namespace cortex::context_memory {
namespace {

constexpr std::size_t longest_document = std::size_t{64} << 20U;

expected<void> validate(const options& wanted) {
  if (wanted.max_age.value_or(std::chrono::seconds{1}).count() < 1
      || wanted.max_entries.value_or(0) < 0)
    return fail(errc::invalid_argument, "max_age: more than 0; max_entries: not negative");
  return {};
}

expected<std::shared_ptr<entry_table>> load(storage::database& file) {
  return file.read([](storage::snapshot& view) { return load_entries(view); },
                   {.owner = "context_memory load",
                    .pin_for = std::chrono::nanoseconds::max()}); // nobody else has it yet
}

expected<std::string> read_whole(const std::string& path) {
  struct closer {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, closer> file{std::fopen(path.c_str(), "rbe")};
  const auto failed = [&path](int number) {
    const auto code = number == ENOENT   ? errc::not_found
                      : number == EACCES ? errc::permission
                                         : errc::io;
    return fail(code, "cannot read '" + path + "': " + std::generic_category().message(number));
  };
  if (file == nullptr)
    return failed(errno);
  std::string text;
  std::string piece(std::size_t{64} << 10U, '\0');
  while (const auto count = std::fread(piece.data(), 1, piece.size(), file.get())) {
    text.append(piece, 0, count);
    if (text.size() > longest_document)
      return fail(errc::corrupt, "'" + path + "' is longer than 64 MiB");
  }
  if (std::ferror(file.get()) != 0)
    return failed(errno);
  return text;
}

} // namespace

// -- memory ---------------------------------------------------------------------------------------

memory::memory(const handle& actor, storage::database database, std::vector<std::string> notices,
               const wall_clock& clock, std::shared_ptr<const damage_counter> damage, bool redact)
  : handle(actor),
    database_(std::make_shared<const storage::database>(std::move(database))),
    notices_(std::make_shared<const std::vector<std::string>>(std::move(notices))),
    clock_(&clock),
    damage_(std::move(damage)),
    redact_(redact) {}

expected<void> memory::export_json(const sink& to, export_options how) const {
  auto file = *database_;
  const auto local_now = text::format_local(micros_of(clock_->now()));
  const auto damaged = [this](std::string_view where) { damage_->note(where); };
  return file.read(
    [&](storage::snapshot& view) { return write_json(view, how, local_now, damaged, to); },
    {.owner = "context_memory export"});
}

expected<std::string> memory::export_json(const std::string& path, export_options how) const {
  auto file = text::atomic_file::create(path);
  if (!file)
    return unexpected{std::move(file).error()};
  auto done = export_json(sink{[&](std::string_view piece) { return file->append(piece); }}, how);
  if (done)
    done = file->finish();
  if (!done)
    return unexpected{std::move(done).error()};
  return path;
}

expected<imported> memory::import_json(std::string_view text) const {
  auto content = read_document(text, clock_->now(), redact_);
  if (!content)
    return unexpected{std::move(content).error()};
  return call(merge{*std::move(content)});
}

expected<imported> memory::import_json_file(const std::string& path) const {
  auto text = read_whole(path);
  if (!text)
    return unexpected{std::move(text).error()};
  return import_json(*text);
}

// -- open -----------------------------------------------------------------------------------------

expected<memory> open(const runtime& rt, options wanted) {
  if (auto good = validate(wanted); !good)
    return unexpected{std::move(good).error()};
  auto path = text::path_or(wanted.path, "~/.cortex/context_memory.db");
  if (!path)
    return unexpected{std::move(path).error()};
  ::tzset(); // localtime_r need not do it
  auto database = wanted.database;
  database.schema = {"context_memory", base_schema, {}};
  database.level = wanted.level;
  auto file = storage::database::open(rt, *path, database);
  if (!file)
    return unexpected{std::move(file).error()};

  actor_parts parts{
    *file,         rt.unowned(),   std::make_shared<const damage_counter>(rt.unowned()),
    wanted.redact, wanted.max_age, wanted.max_entries,
    wanted.level};
  wanted.actor.tick = std::chrono::seconds{1};
  auto spawned = detail::spawn_loaded<actor>(
    rt, detail::actor_name("context_memory", file->path()), parts, load, [](const auto&) {},
    wanted.actor);
  if (!spawned)
    return unexpected{std::move(spawned).error()};
  return memory{*spawned, *std::move(file), {}, rt.wall(), parts.damage, wanted.redact};
}

} // namespace cortex::context_memory
