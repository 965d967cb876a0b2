#include "cortex/graceful_degradation/rows.hpp"

#include "cortex/text/unicode.hpp"
#include "cortex/text/utc_time.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace cortex::graceful_degradation {
namespace {

constexpr micros second = 1'000'000;
constexpr std::string_view delete_by_hash = "DELETE FROM response_cache WHERE query_hash = ?";

std::string stamp_of(micros at) {
  return text::format_sqlite_utc(at / second); // the file knows whole seconds only
}

std::optional<std::int64_t> seconds_in(const std::optional<std::string>& stamp) {
  return stamp ? text::parse_sqlite_utc(*stamp) : std::nullopt;
}

/// Nothing if a text is missing or no valid UTF-8.
std::optional<stored_row> decode(const storage::row& at) {
  auto hash = at.get<std::optional<std::string>>(1);
  auto query = at.get<std::optional<std::string>>(2);
  auto response = at.get<std::optional<std::string>>(3);
  for (const auto* text : {&hash, &query, &response})
    if (!*text || !text::valid_utf8(**text))
      return std::nullopt;
  stored_row row{*std::move(hash), *std::move(query), *std::move(response), 0, 0, {}};
  row.created_at = seconds_in(at.get<std::optional<std::string>>(4)).value_or(0);
  row.hit_count = std::clamp<std::int64_t>(at.get<std::int64_t>(5), 0, most_hits);
  if (const auto used = seconds_in(at.get<std::optional<std::string>>(6)))
    row.last_used = *used * second;
  return row;
}

template <class T>
expected<void> outcome_of(expected<T> done) {
  if (!done)
    return unexpected{std::move(done).error()};
  return {};
}

} // namespace

expected<file_content> read_file(storage::snapshot& view) {
  auto rows = view.query("SELECT rowid, query_hash, query, response, created_at, hit_count, "
                         "last_used FROM response_cache ORDER BY rowid");
  if (!rows)
    return unexpected{std::move(rows).error()};
  file_content out;
  auto read = rows->each([&out](storage::row at) {
    if (auto row = decode(at))
      out.rows.push_back(*std::move(row));
    else
      out.damaged.push_back(at.get<std::int64_t>(0));
  });
  if (!read)
    return unexpected{std::move(read).error()};
  return out;
}

expected<void> write_change(storage::transaction& in, const change& what) {
  for (const auto& hash : what.evicted)
    if (auto gone = in.execute(delete_by_hash, hash); !gone)
      return outcome_of(std::move(gone));
  const auto& row = what.written;
  return outcome_of(in.execute("INSERT OR REPLACE INTO response_cache"
                               "(query_hash, query, response, created_at, hit_count, last_used) "
                               "VALUES(?, ?, ?, ?, 0, NULL)",
                               row.query_hash, row.query, row.response,
                               text::format_sqlite_utc(row.created_at)));
}

expected<void> write_accesses(storage::transaction& in, const std::vector<access>& log) {
  for (const auto& one : log) {
    auto done = in.execute("UPDATE response_cache SET hit_count = coalesce(hit_count, 0) + ?1, "
                           "last_used = max(coalesce(last_used, ''), ?2) WHERE query_hash = ?3",
                           one.hits, stamp_of(one.last_used), one.query_hash);
    if (!done)
      return outcome_of(std::move(done));
  }
  return {};
}

expected<void> delete_damaged(storage::transaction& in, const std::vector<std::int64_t>& ids) {
  for (const auto id : ids)
    if (auto gone = in.execute("DELETE FROM response_cache WHERE rowid = ?", id); !gone)
      return outcome_of(std::move(gone));
  return {};
}

expected<std::int64_t> delete_before(storage::transaction& in,
                                     const std::vector<std::string>& hashes, std::int64_t cutoff) {
  std::int64_t count = 0;
  // By hash first: memory reads damaged stamps as the earliest, which no comparison of texts does.
  for (const auto& hash : hashes) {
    auto gone = in.execute(delete_by_hash, hash);
    if (!gone)
      return unexpected{std::move(gone).error()};
    count += gone->rows;
  }
  auto others = in.execute("DELETE FROM response_cache WHERE created_at < ?",
                           text::format_sqlite_utc(cutoff));
  if (!others)
    return unexpected{std::move(others).error()};
  return count + others->rows;
}

} // namespace cortex::graceful_degradation
