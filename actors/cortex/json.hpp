/// JSON values whose texts match those of Python's `json` module byte for byte.
///
/// The order of keys, integers of any size, the difference between `1` and `1.0`, NaN, infinities
/// and lone surrogates all survive a parse and a dump.
#pragma once

#include "cortex/expected.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace cortex {

struct json_member;

/// Bounds on a text that is parsed. What exceeds one is refused as soon as it is seen.
struct json_limits {
  std::size_t max_bytes = std::size_t{16} << 20U; ///< Of the text.
  /// Arrays and objects within one another; `[]` has depth 1. More than 1,000, where Python's own
  /// reader ends, counts as 1,000.
  std::size_t max_depth = 500;
  /// Values of all kinds together, containers included. Each takes up to 150 bytes of memory, and
  /// its text as few as two.
  std::size_t max_values = 1'000'000;
  std::size_t max_digits = 4300; ///< Of an integer; Python 3.11 reads no longer ones.
};

/// How a value is written.
struct json_format {
  /// Empty = one line, separated by `, ` and `: `. Else each element has a line of its own, with
  /// this many blanks for each level. Empty containers are `[]` and `{}` either way. Range 0 to 16,
  /// larger ones count as 16.
  std::optional<unsigned> indent{};
  /// All above U+007E becomes `\uxxxx`, above U+FFFF a pair of them. Control characters and lone
  /// surrogates do so in any case.
  bool ensure_ascii = true;
};

/// What a value is.
enum class json_kind : std::uint8_t { null, boolean, integer, real, string, array, object };

/// The kind in words: `"an integer"`.
[[nodiscard]] std::string_view to_string(json_kind kind) noexcept;

/// One JSON value.
///
/// Texts are UTF-8. A lone surrogate, which only an escape such as `\ud800` can bring in, is kept
/// as the three bytes that UTF-8 would have for it, and written as that escape again; so a text
/// with one is no valid UTF-8 and must be checked before it leaves JSON for a place that asks for
/// UTF-8. Other bytes that are no UTF-8 can come from the program only, and are written as
/// `\ufffd`.
///
/// Values that a program builds must not be nested deeper than 1,000: copying, comparing, writing
/// and destroying recurse. *Not thread-safe*; a const value may be read from several threads.
class json {
public:
  using array_type = std::vector<json>;
  /// In their order; no key comes twice.
  using object_type = std::vector<json_member>;

  // NOLINTBEGIN(google-explicit-constructor): what looks like a value of JSON is one
  json() noexcept; ///< null
  json(const json& other);
  json(json&& other) noexcept;
  json& operator=(const json& other);
  json& operator=(json&& other) noexcept;
  ~json();

  json(std::nullptr_t) noexcept;
  template <std::same_as<bool> Bool> // no pointer becomes a truth value
  json(Bool truth) noexcept : data_(truth) {}
  template <std::integral Integer>
    requires(!std::same_as<Integer, bool>)
  json(Integer number) {
    if constexpr (std::unsigned_integral<Integer>)
      hold(std::uint64_t{number});
    else
      hold(std::int64_t{number});
  }
  json(double number) noexcept;
  json(std::string text) noexcept;
  json(std::string_view text);
  json(const char* text);
  json(array_type elements) noexcept;
  /// Nothing where there is nothing: null.
  template <class T>
    requires std::constructible_from<json, T> json(std::optional<T> value) {
      if (value)
        *this = json{*std::move(value)};
    }

  // NOLINTEND(google-explicit-constructor)

  /// `json::array({1, "two", json::array()})`
  [[nodiscard]] static json array(std::initializer_list<json> elements = {});
  /// An array of the elements of any range.
  template <class Range>
  [[nodiscard]] static json array_of(const Range& range) {
    array_type elements;
    for (const auto& each : range)
      elements.emplace_back(each);
    return elements;
  }
  /// `json::object({{"name", "job"}, {"gpu_ids", json::array({0, 1})}})`. Of a key that comes twice
  /// the last value counts, in the place of the first.
  [[nodiscard]] static json object(std::initializer_list<json_member> members = {});
  [[nodiscard]] static json object_of(object_type members);
  /// An integer of any size from its decimal digits, with `-` in front of a negative one.
  /// Errors: `invalid_argument` if the text is anything else, or has a leading zero.
  [[nodiscard]] static expected<json> integer(std::string_view digits);

  /// Reads what Python's `json.loads` reads: also `NaN`, `Infinity` and `-Infinity`; of a key that
  /// comes twice the last value, in the place of the first; reals that are too large as infinite.
  /// Errors: `corrupt` with the byte offset if the text is no JSON, no UTF-8, or beyond a limit.
  [[nodiscard]] static expected<json> parse(std::string_view text, const json_limits& limits = {});

  /// The text that Python's `json.dumps` writes.
  [[nodiscard]] std::string dump(const json_format& format = {}) const;

  [[nodiscard]] json_kind kind() const noexcept;
  [[nodiscard]] bool is_null() const noexcept { return kind() == json_kind::null; }

  /// The value if it is of that kind.
  [[nodiscard]] std::optional<bool> as_bool() const noexcept;
  /// … and if it fits.
  [[nodiscard]] std::optional<std::int64_t> as_int64() const noexcept;
  /// A real as it is; an integer as the nearest real, which may be infinite.
  [[nodiscard]] std::optional<double> as_double() const;
  /// The decimal digits of an integer of any size; empty for everything else.
  [[nodiscard]] std::string digits() const;
  /// Null if it is no string.
  [[nodiscard]] const std::string* text() const noexcept;
  [[nodiscard]] std::string* text() noexcept;
  /// The elements of an array; null if it is none.
  [[nodiscard]] const array_type* elements() const noexcept;
  [[nodiscard]] array_type* elements() noexcept;
  /// The members of an object; null if it is none.
  [[nodiscard]] const object_type* members() const noexcept;

  /// Elements or members; 0 for everything that holds none.
  [[nodiscard]] std::size_t size() const noexcept;
  /// The member of an object; null if there is none or this is no object. Linear in the members.
  [[nodiscard]] const json* find(std::string_view key) const noexcept;
  [[nodiscard]] json* find(std::string_view key) noexcept;
  /// The member as a `T`: bool, std::int64_t, double (of an integer, too), std::string (valid
  /// UTF-8) or json. Errors: `not_found` if there is none; `corrupt` if it is of another kind, or
  /// too large for `T`.
  template <class T>
  [[nodiscard]] expected<T> get(std::string_view key) const;

  /// Replaces the value of a member in its place, or adds the member behind the others. null
  /// becomes an object. Linear in the members. @pre null or an object
  json& set(std::string key, json value);
  /// Removes a member. False if there was none.
  bool erase(std::string_view key);
  /// Adds an element. null becomes an array. @pre null or an array
  json& push_back(json element);

  /// Equal if their texts are: the order of members counts, `1` is not `1.0`, NaN equals NaN.
  friend bool operator==(const json& left, const json& right);

private:
  friend class json_writer;
  friend class json_reader;

  void hold(std::int64_t number) noexcept;
  void hold(std::uint64_t number);

  struct long_integer {
    std::string digits; // too many for std::int64_t
  };

  // In the order of json_kind, but for the second kind of integer.
  using storage = std::variant<std::monostate, bool, std::int64_t, double, std::string, array_type,
                               object_type, long_integer>;
  storage data_;
};

/// A key with its value.
struct json_member {
  std::string key;
  json value;

  friend bool operator==(const json_member& left, const json_member& right) = default;
};

// Here, since they need to know what a member is.
inline json::json() noexcept = default;
inline json::json(const json& other) = default;
inline json::json(json&& other) noexcept = default;
inline json& json::operator=(const json& other) = default;
inline json& json::operator=(json&& other) noexcept = default;
inline json::~json() = default;
inline json::json(std::nullptr_t) noexcept {}
inline json::json(double number) noexcept : data_(number) {}
inline json::json(std::string text) noexcept : data_(std::move(text)) {}
inline json::json(std::string_view text) : data_(std::string{text}) {}
inline json::json(const char* text) : data_(std::string{text}) {}
inline json::json(array_type elements) noexcept : data_(std::move(elements)) {}

template <>
expected<bool> json::get<bool>(std::string_view key) const;
template <>
expected<std::int64_t> json::get<std::int64_t>(std::string_view key) const;
template <>
expected<double> json::get<double>(std::string_view key) const;
template <>
expected<std::string> json::get<std::string>(std::string_view key) const;
template <>
expected<json> json::get<json>(std::string_view key) const;

} // namespace cortex
