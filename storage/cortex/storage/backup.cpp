#include "cortex/backup.hpp"

#include "cortex/database.hpp"
#include "cortex/storage/copy.hpp"
#include "cortex/storage/core.hpp"
#include "cortex/storage/migrations.hpp"
#include "cortex/storage/new_file.hpp"
#include "cortex/storage/registry.hpp"

#include <limits>
#include <memory>
#include <optional>
#include <utility>

namespace cortex::storage {
namespace {

using std::chrono::nanoseconds;

expected<void> validate(const backup_options& options) {
  std::string wrong;
  auto unless = [&wrong](bool good, const char* what) {
    if (!good)
      wrong += (wrong.empty() ? "" : "; ") + std::string{what};
  };
  unless(options.pages_per_step >= 1
           && options.pages_per_step <= std::numeric_limits<std::int32_t>::max(),
         "pages_per_step: 1 to 2^31 - 1");
  unless(options.pause >= nanoseconds{0}, "pause: not negative");
  unless(options.deadline >= nanoseconds{0}, "deadline: not negative");
  if (!wrong.empty())
    return fail(errc::invalid_argument, std::move(wrong));
  return {};
}

// What the reply of a database would say if its file were put over.
expected<void> check_target(const detail::file_place& target, bool overwrite) {
  if (!target.occupied)
    return {};
  const detail::opening_pause nobody_opens;
  if (nobody_opens.is_open(*target.occupied))
    return fail(errc::in_use, "'" + target.path + "' is open in this process");
  if (!overwrite)
    return fail(errc::already_exists, "'" + target.path + "' exists");
  return {};
}

expected<backup_report> make_backup(detail::database_core& core, const std::string& target,
                                    const backup_options& options) {
  const auto& clock = core.rt().monotonic();
  const auto began = clock.now();
  const detail::at_work now; // a progress function may let go of the last reference
  if (auto good = validate(options); !good)
    return unexpected{std::move(good).error()};
  auto place = detail::find_place(target);
  if (!place)
    return unexpected{std::move(place).error()};
  if (auto good = check_target(*place, options.overwrite); !good)
    return unexpected{std::move(good).error()};
  const detail::work_limit limit{"the backup of '" + core.path() + "'", options.stop,
                                 options.deadline, clock, &core};
  backup_report report;
  auto copied = [&]() -> expected<detail::new_file> {
    auto from = detail::reader_loan::take(core, "backup", options.deadline);
    if (!from)
      return unexpected{std::move(from).error()};
    auto file = detail::new_file::make(place->path);
    if (!file)
      return file;
    auto commit = core.fix_snapshot(from->held(), limit);
    if (!commit)
      return unexpected{std::move(commit).error()};
    report.commit = *commit;
    std::optional<cortex::detail::no_blocking_scope> inside;
    if (from->held()
        == nullptr) // the writer itself is on loan: whoever waited for it would for ever
      inside.emplace("a backup of a memory database");
    auto pages = detail::copy_pages(
      from->on(), *file,
      {options.pages_per_step, options.pause, options.progress, core.options().vfs}, limit);
    if (!pages)
      return unexpected{std::move(pages).error()};
    report.pages = *pages;
    if (from->held() != nullptr)
      from->held()->end_snapshot(); // nobody else can use it, and it keeps the log
    return file;
  }(); // the reader is free again, the log may be emptied
  if (!copied)
    return unexpected{std::move(copied).error()};
  auto bytes = detail::finish_copy(*copied, options.check, core.options().vfs, limit);
  if (!bytes)
    return unexpected{std::move(bytes).error()};
  report.bytes = *bytes;
  if (auto placed = detail::put_in_place(*copied, options.overwrite); !placed)
    return unexpected{std::move(placed).error()};
  report.duration = clock.now() - began;
  return report;
}

class backup_task final : public detail::upkeep_task {
public:
  backup_task(detail::database_core& of, std::string target, backup_options options,
              promise<backup_report> owed)
    : of_(of), target_(std::move(target)), options_(std::move(options)), owed_(std::move(owed)) {}

  void run() noexcept override { owed_.set(make_backup(of_, target_, options_)); }

private:
  detail::database_core& of_; // runs its tasks before it ends
  std::string target_;
  backup_options options_;
  promise<backup_report> owed_;
};

} // namespace

expected<backup_report> database::backup(const std::string& target, const backup_options& options) {
  if (auto refused = cortex::detail::blocking_refused("a backup"))
    return unexpected{*std::move(refused)};
  const auto core = core_;
  return make_backup(*core, target, options);
}

future<backup_report> database::backup_async(std::string target, backup_options options) {
  auto [owed, answer] = make_promise<backup_report>(core_->rt().continuations());
  auto task
    = std::make_unique<backup_task>(*core_, std::move(target), std::move(options), std::move(owed));
  if (auto queued = core_->submit(std::move(task)); !queued)
    return make_ready_future<backup_report>(unexpected{std::move(queued).error()});
  return std::move(answer);
}

// -- restore --------------------------------------------------------------------------------------

namespace {

// Copies what the source shows in one transaction.
expected<std::uint64_t> copy_source(const std::string& source, const detail::new_file& to,
                                    const restore_options& options,
                                    const detail::work_limit& limit) {
  constexpr std::size_t cache_kib = 2000;
  auto from = detail::connection::open(
    {source, options.vfs, true, cache_kib, std::chrono::milliseconds{5000}});
  if (!from)
    return unexpected{std::move(from).error()};
  if (auto begun = (*from)->exec("BEGIN; SELECT count(*) FROM sqlite_master"); !begun)
    return unexpected{std::move(begun).error()};
  if (options.schema)
    if (auto known = detail::check_version(*options.schema, **from); !known)
      return unexpected{std::move(known).error()};
  return detail::copy_pages(**from, to, {256, nanoseconds{0}, options.progress, options.vfs},
                            limit);
}

// The absolute path of the name to keep the old file under.
expected<std::string> place_to_keep(const std::string& path, const detail::file_place& target) {
  if (path.empty())
    return path;
  auto place = detail::find_place(path);
  if (!place)
    return unexpected{std::move(place).error()};
  if (place->path == target.path)
    return fail(errc::invalid_argument, "keep_old is the target itself");
  if (place->occupied && place->occupied != target.occupied)
    return fail(errc::already_exists, "'" + place->path + "' exists");
  return place->path;
}

expected<detail::file_place> find_source(const std::string& source,
                                         const detail::file_place& target) {
  auto place = detail::find_place(source);
  if (place && !place->occupied)
    return fail(errc::not_found, "there is no '" + source + "'");
  if (place && place->occupied == target.occupied)
    return fail(errc::invalid_argument, "'" + source + "' is the file to be replaced");
  if (const detail::opening_pause nobody_opens; place && nobody_opens.is_open(*place->occupied))
    return fail(errc::in_use, "'" + source + "' is open in this process: use a backup of it");
  return place;
}

} // namespace

expected<restore_report> restore(const std::string& source, const std::string& target,
                                 const restore_options& options) {
  if (auto refused = cortex::detail::blocking_refused("a restore"))
    return unexpected{*std::move(refused)};
  const auto& clock = system_monotonic_clock();
  const auto began = clock.now();
  if (options.deadline < nanoseconds{0})
    return fail(errc::invalid_argument, "deadline: not negative");
  if (options.schema)
    if (auto good = detail::validate(*options.schema); !good)
      return unexpected{std::move(good).error()};
  auto place = detail::find_place(target);
  if (!place)
    return unexpected{std::move(place).error()};
  auto from = find_source(source, *place);
  if (!from)
    return unexpected{std::move(from).error()};
  auto kept = place_to_keep(options.keep_old, *place);
  if (!kept)
    return unexpected{std::move(kept).error()};
  if (auto good = check_target(*place, true); !good) // before the work; asked again at its end
    return unexpected{std::move(good).error()};
  auto file = detail::new_file::make(place->path);
  if (!file)
    return unexpected{std::move(file).error()};
  const detail::work_limit limit{"the restore of '" + source + "'", options.stop, options.deadline,
                                 clock, nullptr};
  auto pages = copy_source(from->path, *file, options, limit);
  if (!pages)
    return unexpected{std::move(pages).error()};
  auto bytes = detail::finish_copy(*file, copy_check::full, options.vfs, limit);
  if (!bytes)
    return unexpected{std::move(bytes).error()};
  auto replaced = detail::replace_database(*file, {*std::move(kept), options.vfs, {}});
  if (!replaced)
    return unexpected{std::move(replaced).error()};
  return restore_report{*pages, *bytes, *replaced, clock.now() - began};
}

} // namespace cortex::storage
