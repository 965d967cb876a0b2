#include "cortex/storage/migrations.hpp"

#include "cortex/storage/sqlite_error.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <exception>
#include <string>

namespace cortex::storage::detail {
namespace {

bool good_component(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// A statement that rolls back by itself (INSERT OR ROLLBACK, a full disk) leaves its step without a
// transaction. What the step does then must not be kept statement by statement: only ours commits.
class commit_watch {
public:
  explicit commit_watch(connection& on) noexcept : on_(on.raw()) {
    sqlite3_commit_hook(
      on_, [](void* self) { return static_cast<commit_watch*>(self)->committing_ ? 0 : 1; }, this);
  }
  commit_watch(const commit_watch&) = delete;
  commit_watch& operator=(const commit_watch&) = delete;
  ~commit_watch() { sqlite3_commit_hook(on_, nullptr, nullptr); }

  void allow_commit() noexcept { committing_ = true; }

private:
  sqlite3* on_;
  bool committing_ = false;
};

// Runs `step` in a transaction of its own; undoes it on an error.
template <class Step>
expected<void> in_transaction(connection& on, Step&& step) {
  commit_watch watch{on};
  if (const int code = on.run(connection::fixed::begin_write); code != 0)
    return fail(translate(code, "cannot begin", on.raw()));
  auto done = step();
  on.reset_all();
  if (done) {
    watch.allow_commit();
    if (const int code = on.run(connection::fixed::commit); code != 0)
      done = fail(translate(code, "COMMIT", on.raw()));
  }
  if (!done && on.in_transaction())
    on.run(connection::fixed::rollback);
  return done;
}

expected<void> named(expected<void> result, const std::string& step) {
  if (result)
    return result;
  auto problem = std::move(result).error();
  problem.detail = step + ": " + problem.detail;
  return fail(std::move(problem));
}

expected<void> check_foreign_keys(connection& on) {
  auto broken = on.query_text("PRAGMA foreign_key_check");
  if (!broken)
    return unexpected{std::move(broken).error()};
  if (!broken->empty())
    return fail(errc::constraint, "it leaves rows without their parent in table '" + *broken + "'");
  return {};
}

expected<int> recorded_version(connection& on, const std::string& component) {
  transaction view{on};
  auto table = view.one<int>("SELECT count(*) FROM sqlite_master WHERE name = 'cortex_schema'");
  if (!table)
    return unexpected{std::move(table).error()};
  if (**table == 0)
    return 0;
  auto version = view.one<std::optional<int>>(
    "SELECT max(version) FROM cortex_schema WHERE component = ?", component);
  if (!version)
    return unexpected{std::move(version).error()};
  return version->value_or(std::nullopt).value_or(0);
}

// Errors: `newer_format` for a version that the program does not know.
expected<int> known_version(const schema& known, connection& on) {
  auto version = recorded_version(on, known.component);
  const auto newest = static_cast<int>(known.migrations.size());
  if (version && *version > newest)
    return fail(errc::newer_format, "the file has version " + std::to_string(*version) + " of '"
                                      + known.component + "', this program knows "
                                      + std::to_string(newest));
  return version;
}

expected<void> record(connection& on, const std::string& component, const migration& step,
                      wall_time now) {
  const auto seconds
    = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  transaction view{on};
  auto done = view.execute("INSERT INTO cortex_schema(component, version, name, applied_at) "
                           "VALUES(?, ?, ?, ?)",
                           component, step.version, step.name, seconds);
  if (!done)
    return unexpected{std::move(done).error()};
  return {};
}

expected<void> run_step(const migration& step, connection& on) noexcept {
  try {
    transaction view{on};
    return step.apply(view);
  } catch (const std::exception& bug) {
    return fail(errc::internal, std::string{"it threw: "} + bug.what());
  } catch (...) {
    return fail(errc::internal, "it threw");
  }
}

expected<void> migrate(const schema& wanted, int from, connection& on, wall_time now) {
  auto table = on.exec("CREATE TABLE IF NOT EXISTS cortex_schema(component TEXT NOT NULL, "
                       "version INTEGER NOT NULL, name TEXT NOT NULL, applied_at INTEGER NOT "
                       "NULL, PRIMARY KEY(component, version))");
  if (!table)
    return table;
  for (auto next = static_cast<std::size_t>(from); next < wanted.migrations.size(); ++next) {
    const auto& step = wanted.migrations[next];
    auto done = in_transaction(on, [&]() -> expected<void> {
      if (auto applied = run_step(step, on); !applied)
        return applied;
      if (!on.in_transaction())
        return fail(errc::internal, "a statement rolled the transaction back");
      if (auto whole = check_foreign_keys(on); !whole)
        return whole;
      return record(on, wanted.component, step, now);
    });
    if (!done)
      return named(std::move(done),
                   "migration " + std::to_string(step.version) + " '" + step.name + "'");
  }
  return {};
}

} // namespace

expected<void> validate(const schema& wanted) {
  std::string wrong;
  if (!good_component(wanted.component))
    wrong = "schema.component '" + wanted.component + "': 1 to 64 of a-z 0-9 _";
  for (std::size_t i = 0; i < wanted.migrations.size(); ++i) {
    const auto& step = wanted.migrations[i];
    if (step.version == static_cast<int>(i) + 1 && step.apply)
      continue;
    wrong += (wrong.empty() ? "" : "; ") + std::string{"schema.migrations: entry "}
             + std::to_string(i) + " must have version " + std::to_string(i + 1)
             + " and a function";
    break; // the versions after it tell nothing more
  }
  if (!wrong.empty())
    return fail(errc::invalid_argument, std::move(wrong));
  return {};
}

expected<void> apply(const schema& wanted, connection& on, wall_time now) {
  const auto newest = static_cast<int>(wanted.migrations.size());
  auto version = known_version(wanted, on);
  if (!version)
    return unexpected{std::move(version).error()};
  if (!wanted.base.empty()) {
    auto made = in_transaction(on, [&] { return on.run_script(wanted.base, sql_scope::change); });
    if (!made)
      return named(std::move(made), "schema of '" + wanted.component + "'");
  }
  if (*version == newest)
    return {};
  // Enforced, they forbid what a rebuilt table needs: to be gone for a moment while others refer to
  // it. The check at the end of each step takes their place. No effect inside a transaction.
  if (auto off = on.exec("PRAGMA foreign_keys=OFF"); !off)
    return off;
  auto done = migrate(wanted, *version, on, now);
  if (auto enforced = on.exec("PRAGMA foreign_keys=ON"); !enforced && done)
    return enforced;
  return done;
}

expected<void> check_version(const schema& known, connection& on) {
  auto version = known_version(known, on);
  if (!version)
    return unexpected{std::move(version).error()};
  return {};
}

} // namespace cortex::storage::detail
