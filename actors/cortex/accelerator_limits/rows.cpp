#include "cortex/accelerator_limits/rows.hpp"

#include "cortex/accelerator_limits/codec.hpp"
#include "cortex/accelerator_limits/schema.hpp"

#include <optional>
#include <utility>

namespace cortex::accelerator_limits {
namespace {

template <class T>
expected<void> outcome_of(expected<T> done) {
  if (!done)
    return unexpected{std::move(done).error()};
  return {};
}

expected<bool> has_extra_table(storage::snapshot& view) {
  auto found = view.one<int>("SELECT 1 FROM sqlite_master WHERE type = 'table' "
                             "AND name = 'cortex_accelerator_limits_extra'");
  if (!found)
    return unexpected{std::move(found).error()};
  return found->has_value();
}

expected<void> read_extras(storage::snapshot& view, file_content& into) {
  auto there = has_extra_table(view);
  if (!there || !*there)
    return outcome_of(std::move(there));
  auto rows = view.query(
    "SELECT name, config, gpu_share, memory_high FROM cortex_accelerator_limits_extra");
  if (!rows)
    return unexpected{std::move(rows).error()};
  return rows->each([&into](storage::row at) {
    const auto name = at.get<std::string>(0);
    const auto* found = into.profiles.find(name);
    if (found == nullptr || found->config != at.get<std::string>(1) || !found->content) {
      ++into.orphans;
      return;
    }
    auto with_extras = *found;
    with_extras.content->gpu_share = at.get<std::optional<std::int64_t>>(2);
    with_extras.content->memory_high = at.get<std::optional<std::int64_t>>(3);
    into.profiles.replace(name, std::move(with_extras));
  });
}

expected<void> write_extras(storage::transaction& in, const std::string& name, const entry& what) {
  const bool wanted = what.content && (what.content->gpu_share || what.content->memory_high);
  if (wanted) {
    if (auto made = in.execute_script(extra_schema); !made)
      return made;
    return outcome_of(in.execute("INSERT OR REPLACE INTO cortex_accelerator_limits_extra"
                                 "(name, config, gpu_share, memory_high) VALUES(?, ?, ?, ?)",
                                 name, what.config, what.content->gpu_share,
                                 what.content->memory_high));
  }
  auto there = has_extra_table(in);
  if (!there || !*there)
    return outcome_of(std::move(there));
  return outcome_of(in.execute("DELETE FROM cortex_accelerator_limits_extra WHERE name = ?", name));
}

} // namespace

expected<file_content> read_file(storage::snapshot& view) {
  file_content out;
  auto rows = view.query("SELECT name, config FROM profiles ORDER BY rowid");
  if (!rows)
    return unexpected{std::move(rows).error()};
  auto read = rows->each([&out](storage::row at) {
    const auto name = at.get<std::optional<std::string>>(0);
    if (!name) {
      ++out.nameless;
      return;
    }
    auto config = at.get<std::string>(1);
    auto content = decode_profile(config);
    out.profiles.put(*name, entry{std::move(config), std::move(content)});
  });
  if (read)
    read = read_extras(view, out);
  if (!read)
    return unexpected{std::move(read).error()};
  return out;
}

expected<void> write_row(storage::transaction& in, const std::string& name, const entry& what,
                         placing where) {
  // A row that memory does not know of any more is another program's doing: it comes back, last.
  auto written = where == placing::same
                   ? in.execute("UPDATE profiles SET config = ? WHERE name = ?", what.config, name)
                   : expected<storage::changes>{storage::changes{}};
  if (written && written->rows == 0)
    written
      = in.execute("INSERT OR REPLACE INTO profiles(name, config) VALUES(?, ?)", name, what.config);
  if (!written)
    return unexpected{std::move(written).error()};
  return write_extras(in, name, what);
}

expected<void> delete_row(storage::transaction& in, const std::string& name) {
  if (auto gone = in.execute("DELETE FROM profiles WHERE name = ?", name); !gone)
    return unexpected{std::move(gone).error()};
  return write_extras(in, name, entry{{}, fail(errc::not_found)});
}

expected<void> delete_orphans(storage::transaction& in) {
  auto there = has_extra_table(in);
  if (!there || !*there)
    return outcome_of(std::move(there));
  return outcome_of(in.execute(
    "DELETE FROM cortex_accelerator_limits_extra WHERE NOT EXISTS (SELECT 1 FROM profiles AS p "
    "WHERE p.name = cortex_accelerator_limits_extra.name "
    "AND p.config = cortex_accelerator_limits_extra.config)"));
}

} // namespace cortex::accelerator_limits
