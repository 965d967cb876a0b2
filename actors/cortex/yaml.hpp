/// YAML 1.1 documents, typed as PyYAML's safe loader types them and written byte for byte as its
/// safe dumper writes them.
///
/// `yes` is a truth, `010` is eight, `1e5` is a text, and the text `1.0` is written in quotes: what
/// is written here is read back as the same values, by both.
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

struct yaml_member;
struct yaml_document;

namespace yaml_detail {

template <class T>
concept character = std::same_as<T, char> || std::same_as<T, wchar_t> || std::same_as<
  T, char8_t> || std::same_as<T, char16_t> || std::same_as<T, char32_t>;

} // namespace yaml_detail

/// A place in a text that was read.
struct yaml_mark {
  std::size_t line = 0;   ///< From 1; 0 = the value was made by the program.
  std::size_t column = 0; ///< In code points, from 1.

  friend bool operator==(const yaml_mark& left, const yaml_mark& right) = default;
};

/// Bounds on a text that is read. What exceeds one is refused as soon as it is seen.
struct yaml_limits {
  /// Of the text, and of the scalars that aliases repeat, each time they do.
  std::size_t max_bytes = std::size_t{4} << 20U;
  /// Sequences and mappings within one another; 1,000 at most, whatever is asked for.
  std::size_t max_depth = 100;
  /// Values of all kinds together, keys included, those of an alias each time it is used.
  std::size_t max_values = 200'000;
  std::size_t max_digits = 4300; ///< Decimal ones of an integer; Python 3.11 writes no longer ones.
};

/// How a text is read.
struct yaml_options {
  yaml_limits limits{};
  /// A key that comes twice is an error. Otherwise the last value counts, in the place of the
  /// first, and the document has a warning.
  bool strict = false;
};

/// How a value is written.
struct yaml_format {
  bool sort_keys = true; ///< By code points. Else in their order.
};

/// What a value is.
enum class yaml_kind : std::uint8_t {
  null,
  boolean,
  integer,
  real,
  string,
  timestamp, ///< A date, or a date with a time.
  binary,    ///< `!!binary`, bytes.
  sequence,
  mapping
};

/// The kind in words: `"an integer"`.
[[nodiscard]] std::string_view to_string(yaml_kind kind) noexcept;

/// One YAML value.
///
/// Texts are UTF-8. Values that a program builds must not be nested deeper than 1,000: copying,
/// comparing, writing and destroying recurse. *Not thread-safe*; a const value may be read from
/// several threads.
class yaml {
public:
  using sequence_type = std::vector<yaml>;
  /// In their order; no key comes twice, not even NaN.
  using mapping_type = std::vector<yaml_member>;

  // NOLINTBEGIN(google-explicit-constructor): what looks like a value of YAML is one
  yaml() noexcept; ///< null
  yaml(const yaml& other);
  yaml(yaml&& other) noexcept;
  yaml& operator=(const yaml& other);
  yaml& operator=(yaml&& other) noexcept;
  ~yaml();

  yaml(std::nullptr_t) noexcept;
  template <std::same_as<bool> Bool> // no pointer becomes a truth value
  yaml(Bool truth) noexcept : data_(truth) {}
  template <yaml_detail::character Character> // neither a text nor a number
  yaml(Character) = delete;
  template <std::integral Integer>
    requires(!std::same_as<Integer, bool> && !yaml_detail::character<Integer>)
  yaml(Integer number) {
    if constexpr (std::unsigned_integral<Integer>)
      hold(std::uint64_t{number});
    else
      hold(std::int64_t{number});
  }
  yaml(double number) noexcept;
  yaml(std::string text) noexcept;
  yaml(std::string_view text);
  yaml(const char* text);
  yaml(sequence_type elements) noexcept;
  // NOLINTEND(google-explicit-constructor)

  /// `yaml::sequence({1, "two", yaml::sequence()})`
  [[nodiscard]] static yaml sequence(std::initializer_list<yaml> elements = {});
  /// `yaml::mapping({{"name", "curl"}, {"version", "7.88.1"}})`. Of a key that comes twice the last
  /// value counts, in the place of the first.
  [[nodiscard]] static yaml mapping(std::initializer_list<yaml_member> members = {});
  [[nodiscard]] static yaml mapping_of(mapping_type members);
  /// An integer of any size from its decimal digits, with or without a sign.
  /// Errors: `invalid_argument` if they are none.
  [[nodiscard]] static expected<yaml> integer(std::string_view digits);
  /// A date or a date with a time, in any of YAML's spellings: `2025-12-22`,
  /// `2025-12-22T10:00:00.5+01:00`. Errors: `invalid_argument` if there is no such time.
  [[nodiscard]] static expected<yaml> timestamp(std::string_view text);
  [[nodiscard]] static yaml binary(std::string content);

  /// Reads one document. An empty one is null.
  ///
  /// Of the tags of YAML that Python has kinds for and this type has none, `!!set` gives a mapping
  /// of nulls, `!!omap` and `!!pairs` a sequence of sequences of two, key and value. `!` leaves a
  /// scalar's kind to its text, in quotes too. Keys are scalars.
  /// Errors: `corrupt` with line and column if the text is no YAML, no UTF-8, has a second document
  /// or a tag that is not one of YAML's own, holds itself through an alias, or is beyond a limit.
  [[nodiscard]] static expected<yaml_document> parse(std::string_view text,
                                                     const yaml_options& options = {});

  /// The text in block style: what PyYAML's `safe_dump(value, default_flow_style=False)` writes.
  /// Ends with a newline; a plain scalar that is the whole document has a line `...` behind it.
  /// Keys without an order among them (a text and a number, NaN) stay as they are.
  /// Errors: `invalid_argument` if a text is no UTF-8 or values are nested deeper than 1,000.
  [[nodiscard]] expected<std::string> dump(const yaml_format& format = {}) const;

  [[nodiscard]] yaml_kind kind() const noexcept;
  [[nodiscard]] bool is_null() const noexcept { return kind() == yaml_kind::null; }
  /// Where the value was read.
  [[nodiscard]] yaml_mark mark() const noexcept { return mark_; }
  /// The scalar as it stood in the text that was read, after unquoting: `1.0` of the real number
  /// 1.0. Of values made by the program: what `dump` writes for it, without quotes. Empty for
  /// sequences and mappings.
  [[nodiscard]] std::string source() const;

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
  /// Of a timestamp, `2025-12-22` or `2025-12-22 10:00:00.500000+01:00`; null if it is none.
  [[nodiscard]] const std::string* timestamp_text() const noexcept;
  /// Of `!!binary`; null if it is none.
  [[nodiscard]] const std::string* binary_content() const noexcept;
  /// The elements of a sequence; null if it is none.
  [[nodiscard]] const sequence_type* elements() const noexcept;
  [[nodiscard]] sequence_type* elements() noexcept;
  /// The members of a mapping; null if it is none.
  [[nodiscard]] const mapping_type* members() const noexcept;

  /// Elements or members; 0 for everything that holds none.
  [[nodiscard]] std::size_t size() const noexcept;
  /// The member whose key is that string; null if there is none or this is no mapping. Linear.
  [[nodiscard]] const yaml* find(std::string_view key) const noexcept;
  [[nodiscard]] yaml* find(std::string_view key) noexcept;

  /// Replaces the value of a member in its place, or adds the member behind the others. null
  /// becomes a mapping. Linear. @pre null or a mapping
  yaml& set(std::string key, yaml value);
  /// Removes a member. False if there was none.
  bool erase(std::string_view key);
  /// Adds an element. null becomes a sequence. @pre null or a sequence
  yaml& push_back(yaml element);

  /// The same values, wherever they were read and however they were written: `1` equals `1.0`, a
  /// truth is no number, the order of members does not count, NaN equals nothing. Two times that
  /// both have an offset from UTC are equal if they are the same instant.
  friend bool operator==(const yaml& left, const yaml& right);

private:
  friend class yaml_reader;

  void hold(std::int64_t number) noexcept;
  void hold(std::uint64_t number);

  struct long_integer {
    std::string digits; // too many for std::int64_t
  };
  struct date_or_time {
    std::string text; // as Python's isoformat(' ') writes it
  };
  struct bytes {
    std::string content;
  };

  // In the order of yaml_kind, but for the second kind of integer.
  using storage = std::variant<std::monostate, bool, std::int64_t, double, std::string,
                               date_or_time, bytes, sequence_type, mapping_type, long_integer>;
  storage data_;
  std::string source_; // of what was read and whose text is not that of its value
  yaml_mark mark_;
};

/// A key with its value.
struct yaml_member {
  yaml key;
  yaml value;
};

/// Something in a text that is no error and yet worth telling.
struct yaml_warning {
  yaml_mark mark;
  std::string text; ///< With line and column.
};

/// What was read.
struct yaml_document {
  yaml root;
  std::vector<yaml_warning> warnings{};
};

// Here, since they need to know what a member is.
inline yaml::yaml() noexcept = default;
inline yaml::yaml(const yaml& other) = default;
inline yaml::yaml(yaml&& other) noexcept = default;
inline yaml& yaml::operator=(const yaml& other) = default;
inline yaml& yaml::operator=(yaml&& other) noexcept = default;
inline yaml::~yaml() = default;
inline yaml::yaml(std::nullptr_t) noexcept {}
inline yaml::yaml(double number) noexcept : data_(number) {}
inline yaml::yaml(std::string text) noexcept : data_(std::move(text)) {}
inline yaml::yaml(std::string_view text) : data_(std::string{text}) {}
inline yaml::yaml(const char* text) : data_(std::string{text}) {}
inline yaml::yaml(sequence_type elements) noexcept : data_(std::move(elements)) {}

} // namespace cortex
