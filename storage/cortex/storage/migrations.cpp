#include "cortex/storage/migrations.hpp"

#include "cortex/storage/sqlite_error.hpp"

#include <algorithm>
#include <string>

namespace cortex::storage::detail {
namespace {

bool good_component(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// Runs `step` in a transaction of its own; undoes it on an error.
template <class Step>
expected<void> in_transaction(connection& on, Step&& step) {
  if (const int code = on.run(connection::fixed::begin_write); code != 0)
    return fail(translate(code, "cannot begin", on.raw()));
  auto done = step();
  on.reset_all();
  if (done) {
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

} // namespace

expected<void> validate(const schema& wanted) {
  if (!good_component(wanted.component))
    return fail(errc::invalid_argument,
                "schema.component '" + wanted.component + "': 1 to 64 of a-z 0-9 _");
  for (std::size_t i = 0; i < wanted.migrations.size(); ++i) {
    const auto& step = wanted.migrations[i];
    if (step.version != static_cast<int>(i) + 1 || !step.apply)
      return fail(errc::invalid_argument, "schema.migrations: entry " + std::to_string(i)
                                            + " must have version " + std::to_string(i + 1)
                                            + " and a function");
  }
  return {};
}

expected<void> apply(const schema& wanted, connection& on, wall_time now) {
  const auto newest = static_cast<int>(wanted.migrations.size());
  auto version = recorded_version(on, wanted.component);
  if (!version)
    return unexpected{std::move(version).error()};
  if (*version > newest)
    return fail(errc::newer_format, "the file has version " + std::to_string(*version) + " of '"
                                      + wanted.component + "', this program knows "
                                      + std::to_string(newest));
  if (!wanted.base.empty()) {
    auto made = in_transaction(on, [&] { return on.run_script(wanted.base, sql_scope::change); });
    if (!made)
      return named(std::move(made), "schema of '" + wanted.component + "'");
  }
  if (*version < newest) {
    auto table = on.exec("CREATE TABLE IF NOT EXISTS cortex_schema(component TEXT NOT NULL, "
                         "version INTEGER NOT NULL, name TEXT NOT NULL, applied_at INTEGER NOT "
                         "NULL, PRIMARY KEY(component, version))");
    if (!table)
      return table;
  }
  for (int next = *version + 1; next <= newest; ++next) {
    const auto& step = wanted.migrations[static_cast<std::size_t>(next) - 1];
    auto done = in_transaction(on, [&]() -> expected<void> {
      transaction view{on};
      if (auto applied = step.apply(view); !applied)
        return applied;
      if (auto whole = check_foreign_keys(on); !whole)
        return whole;
      return record(on, wanted.component, step, now);
    });
    if (!done)
      return named(std::move(done), "migration " + std::to_string(next) + " '" + step.name + "'");
  }
  return {};
}

} // namespace cortex::storage::detail
