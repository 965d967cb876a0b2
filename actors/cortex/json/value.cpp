#include "cortex/json.hpp"
#include "cortex/json/members.hpp"
#include "cortex/text/json_grammar.hpp"
#include "cortex/text/python_number.hpp"
#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

namespace cortex {
namespace {

constexpr std::size_t few_members = 16; // compared with one another

template <class Value>
unexpected wrong_kind(std::string_view key, const Value& value, std::string_view wanted) {
  return fail(errc::corrupt, "'" + std::string{key} + "' is " + std::string{to_string(value.kind())}
                               + ", not " + std::string{wanted});
}

bool same_real(double left, double right) noexcept {
  return std::isnan(left)
           ? std::isnan(right)
           : std::bit_cast<std::uint64_t>(left) == std::bit_cast<std::uint64_t>(right);
}

/// The members by key and place; of many the keys are not compared pair by pair.
void merge_many(json::object_type& members) {
  std::vector<std::size_t> order(members.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::sort(order.begin(), order.end(), [&members](std::size_t left, std::size_t right) {
    const int compared = members[left].key.compare(members[right].key);
    return compared != 0 ? compared < 0 : left < right;
  });
  std::vector<bool> repeats(members.size(), false);
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && members[order[end]].key == members[order[begin]].key)
      repeats[order[end++]] = true;
    if (end - begin > 1)
      members[order[begin]].value = std::move(members[order[end - 1]].value);
    begin = end;
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < members.size(); ++i)
    if (!repeats[i]) {
      if (kept != i)
        members[kept] = std::move(members[i]);
      ++kept;
    }
  members.resize(kept);
}

void merge_few(json::object_type& members) {
  for (std::size_t i = 0; i < members.size(); ++i)
    for (std::size_t j = i + 1; j < members.size();) {
      if (members[j].key != members[i].key) {
        ++j;
        continue;
      }
      members[i].value = std::move(members[j].value);
      members.erase(members.begin() + static_cast<std::ptrdiff_t>(j));
    }
}

} // namespace

void merge_repeated_keys(json::object_type& members) {
  if (members.size() <= few_members)
    merge_few(members);
  else
    merge_many(members);
}

std::string_view to_string(json_kind kind) noexcept {
  switch (kind) {
    case json_kind::null: return "null";
    case json_kind::boolean: return "a truth value";
    case json_kind::integer: return "an integer";
    case json_kind::real: return "a real number";
    case json_kind::string: return "a text";
    case json_kind::array: return "an array";
    case json_kind::object: return "an object";
  }
  return "nothing";
}

// -- making ---------------------------------------------------------------------------------------

void json::hold(std::int64_t number) noexcept {
  data_ = number;
}

void json::hold(std::uint64_t number) {
  if (number <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    data_ = static_cast<std::int64_t>(number);
  else
    data_ = long_integer{std::to_string(number)};
}

json json::array(std::initializer_list<json> elements) {
  return array_type{elements};
}

json json::object(std::initializer_list<json_member> members) {
  return object_of(object_type{members});
}

json json::object_of(object_type members) {
  merge_repeated_keys(members);
  json out;
  out.data_ = std::move(members);
  return out;
}

expected<json> json::integer(std::string_view digits) {
  const auto form = text::scan_json_number(digits);
  if (form.length != digits.size() || form.length == 0 || form.is_real)
    return fail(errc::invalid_argument, "'" + std::string{digits} + "' is no integer");
  json out;
  std::int64_t value = 0;
  const auto end = digits.data() + digits.size();
  if (std::from_chars(digits.data(), end, value).ec == std::errc{})
    out.data_ = value;
  else
    out.data_ = long_integer{std::string{digits}};
  return out;
}

// -- looking --------------------------------------------------------------------------------------

json_kind json::kind() const noexcept {
  if (std::holds_alternative<long_integer>(data_))
    return json_kind::integer;
  return static_cast<json_kind>(data_.index());
}

std::optional<bool> json::as_bool() const noexcept {
  const auto* truth = std::get_if<bool>(&data_);
  return truth != nullptr ? std::optional{*truth} : std::nullopt;
}

std::optional<std::int64_t> json::as_int64() const noexcept {
  const auto* number = std::get_if<std::int64_t>(&data_);
  return number != nullptr ? std::optional{*number} : std::nullopt;
}

std::optional<double> json::as_double() const {
  if (const auto* real = std::get_if<double>(&data_))
    return *real;
  if (const auto* number = std::get_if<std::int64_t>(&data_))
    return static_cast<double>(*number);
  if (const auto* number = std::get_if<long_integer>(&data_))
    return text::parse_python_real(number->digits);
  return std::nullopt;
}

std::string json::digits() const {
  if (const auto* number = std::get_if<std::int64_t>(&data_))
    return std::to_string(*number);
  if (const auto* number = std::get_if<long_integer>(&data_))
    return number->digits;
  return {};
}

const std::string* json::text() const noexcept {
  return std::get_if<std::string>(&data_);
}

std::string* json::text() noexcept {
  return std::get_if<std::string>(&data_);
}

const json::array_type* json::elements() const noexcept {
  return std::get_if<array_type>(&data_);
}

json::array_type* json::elements() noexcept {
  return std::get_if<array_type>(&data_);
}

const json::object_type* json::members() const noexcept {
  return std::get_if<object_type>(&data_);
}

std::size_t json::size() const noexcept {
  if (const auto* all = elements())
    return all->size();
  if (const auto* all = members())
    return all->size();
  return 0;
}

const json* json::find(std::string_view key) const noexcept {
  if (const auto* all = members())
    for (const auto& each : *all)
      if (each.key == key)
        return &each.value;
  return nullptr;
}

json* json::find(std::string_view key) noexcept {
  return const_cast<json*>(std::as_const(*this).find(key)); // NOLINT: *this is not const
}

template <>
expected<json> json::get<json>(std::string_view key) const {
  if (const auto* value = find(key))
    return *value;
  return fail(errc::not_found, "no '" + std::string{key} + "'");
}

template <>
expected<bool> json::get<bool>(std::string_view key) const {
  const auto* value = find(key);
  if (value == nullptr)
    return fail(errc::not_found, "no '" + std::string{key} + "'");
  if (const auto truth = value->as_bool())
    return *truth;
  return wrong_kind(key, *value, "a truth value");
}

template <>
expected<std::int64_t> json::get<std::int64_t>(std::string_view key) const {
  const auto* value = find(key);
  if (value == nullptr)
    return fail(errc::not_found, "no '" + std::string{key} + "'");
  if (const auto number = value->as_int64())
    return *number;
  if (value->kind() == json_kind::integer)
    return fail(errc::corrupt, "'" + std::string{key} + "' is too large an integer");
  return wrong_kind(key, *value, "an integer");
}

template <>
expected<double> json::get<double>(std::string_view key) const {
  const auto* value = find(key);
  if (value == nullptr)
    return fail(errc::not_found, "no '" + std::string{key} + "'");
  if (const auto number = value->as_double())
    return *number;
  return wrong_kind(key, *value, "a number");
}

template <>
expected<std::string> json::get<std::string>(std::string_view key) const {
  const auto* value = find(key);
  if (value == nullptr)
    return fail(errc::not_found, "no '" + std::string{key} + "'");
  const auto* content = value->text();
  if (content == nullptr)
    return wrong_kind(key, *value, "a text");
  if (!text::valid_utf8(*content))
    return fail(errc::corrupt, "'" + std::string{key} + "' has a lone surrogate");
  return *content;
}

// -- changing -------------------------------------------------------------------------------------

json& json::set(std::string key, json value) {
  if (is_null())
    data_ = object_type{};
  if (auto* found = find(key))
    *found = std::move(value);
  else
    std::get<object_type>(data_).push_back({std::move(key), std::move(value)});
  return *this;
}

bool json::erase(std::string_view key) {
  auto* all = std::get_if<object_type>(&data_);
  return all != nullptr
         && std::erase_if(*all, [key](const json_member& each) { return each.key == key; }) > 0;
}

json& json::push_back(json element) {
  if (is_null())
    data_ = array_type{};
  std::get<array_type>(data_).push_back(std::move(element));
  return *this;
}

bool operator==(const json& left, const json& right) {
  if (left.data_.index() != right.data_.index())
    return false;
  if (const auto* real = std::get_if<double>(&left.data_))
    return same_real(*real, std::get<double>(right.data_));
  if (const auto* number = std::get_if<json::long_integer>(&left.data_))
    return number->digits == std::get<json::long_integer>(right.data_).digits;
  if (const auto* truth = std::get_if<bool>(&left.data_))
    return *truth == std::get<bool>(right.data_);
  if (const auto* number = std::get_if<std::int64_t>(&left.data_))
    return *number == std::get<std::int64_t>(right.data_);
  if (const auto* content = left.text())
    return *content == *right.text();
  if (const auto* all = left.elements())
    return *all == *right.elements();
  if (const auto* all = left.members())
    return *all == *right.members();
  return true;
}

} // namespace cortex
