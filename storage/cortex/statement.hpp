/// SQL with bound parameters and typed rows: what a read or a write function works with.
#pragma once

#include "cortex/expected.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace cortex::storage {

using blob = std::vector<std::byte>;
using blob_view = std::span<const std::byte>;

class snapshot;

namespace detail {

class connection;
class statement;

/// What the user of a snapshot was told when it was to stop, if it was.
[[nodiscard]] std::optional<error> told_to_stop(const snapshot& view);

void bind_null(statement& to, int index);
void bind_int(statement& to, int index, std::int64_t value);
void bind_real(statement& to, int index, double value);
void bind_text(statement& to, int index, std::string_view value, bool copy);
void bind_blob(statement& to, int index, blob_view value, bool copy);

[[nodiscard]] bool column_is_null(const statement& of, int column);
[[nodiscard]] std::int64_t column_int(const statement& of, int column);
[[nodiscard]] double column_real(const statement& of, int column);
[[nodiscard]] std::string_view column_text(const statement& of, int column);
[[nodiscard]] blob_view column_blob(const statement& of, int column);
[[nodiscard]] int column_count(const statement& of);

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

/// Binds one value. `copy` if the statement is stepped after the value may be gone.
template <class T>
void bind(statement& to, int index, const T& value, bool copy) {
  if constexpr (is_optional<T>) {
    if (value)
      bind(to, index, *value, copy);
    else
      bind_null(to, index);
  } else if constexpr (std::same_as<T, std::nullptr_t> || std::same_as<T, std::nullopt_t>) {
    bind_null(to, index);
  } else if constexpr (std::floating_point<T>) {
    bind_real(to, index, static_cast<double>(value));
  } else if constexpr (std::is_enum_v<T>) {
    bind_int(to, index, static_cast<std::int64_t>(value));
  } else if constexpr (std::integral<T>) {
    bind_int(to, index, static_cast<std::int64_t>(value));
  } else if constexpr (std::convertible_to<const T&, std::string_view>) {
    bind_text(to, index, std::string_view{value}, copy);
  } else {
    bind_blob(to, index, blob_view{value}, copy);
  }
}

/// Reads one column. SQLite converts between its storage classes as its documentation says.
template <class T>
T column(const statement& of, int index) {
  if constexpr (is_optional<T>) {
    if (column_is_null(of, index))
      return std::nullopt;
    return column<typename T::value_type>(of, index);
  } else if constexpr (std::same_as<T, bool>) {
    return column_int(of, index) != 0;
  } else if constexpr (std::floating_point<T>) {
    return static_cast<T>(column_real(of, index));
  } else if constexpr (std::integral<T> || std::is_enum_v<T>) {
    return static_cast<T>(column_int(of, index));
  } else if constexpr (std::same_as<T, std::string_view>) {
    return column_text(of, index);
  } else if constexpr (std::same_as<T, std::string>) {
    return std::string{column_text(of, index)};
  } else if constexpr (std::same_as<T, blob_view>) {
    return column_blob(of, index);
  } else {
    static_assert(std::same_as<T, blob>, "a column is read as a number, a bool, a text or a blob");
    const auto bytes = column_blob(of, index);
    return blob{bytes.begin(), bytes.end()};
  }
}

} // namespace detail

/// One row of a result. Texts and blobs taken as views are valid until the next row is asked for.
/// *Not thread-safe*.
class row {
public:
  explicit row(const detail::statement& of) noexcept : of_(&of) {}

  /// The value of a column, counted from 0. NULL reads as 0 or empty; `std::optional` tells it
  /// apart. @pre `0 <= column < size()`
  template <class T>
  [[nodiscard]] T get(int column) const {
    return detail::column<T>(*of_, column);
  }
  [[nodiscard]] int size() const { return detail::column_count(*of_); }

private:
  const detail::statement* of_;
};

/// A running query. Rows are made as they are asked for, so a result may be larger than memory.
/// Must not outlive the function or lease that made it. *Not thread-safe*.
class cursor {
public:
  explicit cursor(detail::statement& running) noexcept : running_(&running) {}
  cursor(cursor&& other) noexcept : running_(std::exchange(other.running_, nullptr)) {}
  cursor& operator=(cursor&& other) noexcept {
    std::swap(running_, other.running_);
    return *this;
  }
  cursor(const cursor&) = delete;
  cursor& operator=(const cursor&) = delete;
  ~cursor();

  /// Moves to the next row; false after the last one. Errors: those of the statement.
  [[nodiscard]] expected<bool> next();
  /// @pre `next()` gave true
  [[nodiscard]] row current() const noexcept { return row{*running_}; }
  /// Calls `f(row)` for each further row. `f` may return `expected<void>` to stop with an error.
  template <class F>
  expected<void> each(F&& f) {
    for (;;) {
      auto more = next();
      if (!more)
        return unexpected{std::move(more).error()};
      if (!*more)
        return {};
      if constexpr (std::same_as<std::invoke_result_t<F&, row>, expected<void>>) {
        if (auto done = f(current()); !done)
          return done;
      } else {
        f(current());
      }
    }
  }

private:
  detail::statement* running_;
};

/// A consistent view of the database: queries, no changes. *Not thread-safe*.
class snapshot {
public:
  explicit snapshot(detail::connection& on) noexcept : on_(&on) {}

  /// Starts a query; `?` in the text are bound to the arguments, in order: integers, floating
  /// point, bool, enumerations, texts, blobs, `std::optional` of these, `nullptr`.
  /// Errors: `invalid_argument` if the text is no single query or would change something.
  template <class... Args>
  [[nodiscard]] expected<cursor> query(std::string_view sql, const Args&... args) {
    auto prepared = prepare(sql, sizeof...(Args));
    if (!prepared)
      return unexpected{std::move(prepared).error()};
    int index = 0;
    (detail::bind(**prepared, ++index, args, true), ...);
    return cursor{**prepared};
  }

  /// The first row as a value (one type) or a tuple (several); empty if there is no row.
  template <class... Ts, class... Args>
    requires(sizeof...(Ts) > 0)
  [[nodiscard]] auto one(std::string_view sql, const Args&... args)
    -> expected<std::optional<std::conditional_t<
      sizeof...(Ts) == 1, std::tuple_element_t<0, std::tuple<Ts..., int>>, std::tuple<Ts...>>>> {
    auto rows = query(sql, args...);
    if (!rows)
      return unexpected{std::move(rows).error()};
    auto more = rows->next();
    if (!more)
      return unexpected{std::move(more).error()};
    if (!*more)
      return std::nullopt;
    return values<Ts...>(rows->current());
  }

  /// The first column of the first row. Errors: `not_found` if there is no row.
  template <class T, class... Args>
  [[nodiscard]] expected<T> value(std::string_view sql, const Args&... args) {
    auto found = one<T>(sql, args...);
    if (!found)
      return unexpected{std::move(found).error()};
    if (!*found)
      return fail(errc::not_found, "the query gave no row");
    return **std::move(found);
  }

  /// All rows, as values or tuples. For large results use `query`.
  template <class... Ts, class... Args>
    requires(sizeof...(Ts) > 0)
  [[nodiscard]] auto all(std::string_view sql, const Args&... args)
    -> expected<std::vector<std::conditional_t<
      sizeof...(Ts) == 1, std::tuple_element_t<0, std::tuple<Ts..., int>>, std::tuple<Ts...>>>> {
    auto rows = query(sql, args...);
    if (!rows)
      return unexpected{std::move(rows).error()};
    std::vector<std::conditional_t<
      sizeof...(Ts) == 1, std::tuple_element_t<0, std::tuple<Ts..., int>>, std::tuple<Ts...>>>
      out;
    auto done = rows->each([&out](row r) { out.push_back(*values<Ts...>(r)); });
    if (!done)
      return unexpected{std::move(done).error()};
    return out;
  }

protected:
  [[nodiscard]] expected<detail::statement*> prepare(std::string_view sql, std::size_t parameters);
  [[nodiscard]] detail::connection& on() const noexcept { return *on_; }

private:
  friend std::optional<error> detail::told_to_stop(const snapshot& view);

  template <class... Ts>
  static auto values(const row& r) {
    static_assert((!std::same_as<Ts, std::string_view> && ...)
                    && (!std::same_as<Ts, blob_view> && ...),
                  "views end with the query; take std::string or blob");
    if constexpr (sizeof...(Ts) == 1) {
      return std::optional<Ts...>{r.get<Ts>(0)...};
    } else {
      return [&r]<std::size_t... Is>(std::index_sequence<Is...>) {
        return std::optional{std::tuple<Ts...>{r.get<Ts>(static_cast<int>(Is))...}};
      }
      (std::index_sequence_for<Ts...>{});
    }
  }

  detail::connection* on_;
};

/// What a statement changed.
struct changes {
  std::int64_t rows = 0;    ///< Rows inserted, updated or deleted.
  std::int64_t last_id = 0; ///< Rowid of the newest row inserted on this connection.
};

/// The view and the changes of one write. All of it is kept, or nothing. *Not thread-safe*.
class transaction : public snapshot {
public:
  using snapshot::snapshot;

  /// Runs one statement. Parameters as in `query`; rows it returns are dropped.
  /// Errors: `invalid_argument` (text, or transaction control, ATTACH, pragmas: those are the
  /// database's business), `constraint`, `no_space`, `io`, `corrupt`, …
  template <class... Args>
  expected<changes> execute(std::string_view sql, const Args&... args) {
    auto prepared = prepare_change(sql, sizeof...(Args));
    if (!prepared)
      return unexpected{std::move(prepared).error()};
    int index = 0;
    (detail::bind(**prepared, ++index, args, false), ...);
    return run(**prepared);
  }

  /// Runs the statement once for each tuple of the range. Returns the rows changed in all.
  template <class Range>
  expected<std::int64_t> execute_many(std::string_view sql, const Range& tuples) {
    std::int64_t total = 0;
    for (const auto& values : tuples) {
      auto done = std::apply([&](const auto&... v) { return execute(sql, v...); }, values);
      if (!done)
        return unexpected{std::move(done).error()};
      total += done->rows;
    }
    return total;
  }

  /// Runs several statements without parameters: a schema. Errors: as `execute`.
  expected<void> execute_script(std::string_view sql);

  /// Runs `f()`; if it returns an error (an `expected`) or throws, undoes what it changed and
  /// passes that on.
  template <class F>
  auto savepoint(F&& f) -> std::invoke_result_t<F&> {
    if (auto begun = begin_savepoint(); !begun)
      return unexpected{std::move(begun).error()};
    auto result = [&] {
      try {
        return f();
      } catch (...) {
        static_cast<void>(end_savepoint(false));
        throw;
      }
    }();
    if (auto ended = end_savepoint(result.has_value()); !ended && result.has_value())
      return unexpected{std::move(ended).error()};
    return result;
  }

private:
  [[nodiscard]] expected<detail::statement*> prepare_change(std::string_view sql,
                                                            std::size_t parameters);
  expected<changes> run(detail::statement& prepared);
  expected<void> begin_savepoint();
  expected<void> end_savepoint(bool keep);
};

} // namespace cortex::storage
