#include "cortex/text/python_number.hpp"
#include "cortex/yaml.hpp"
#include "cortex/yaml/base64.hpp"
#include "cortex/yaml/numbers.hpp"
#include "cortex/yaml/order.hpp"
#include "cortex/yaml/timestamp.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>
#include <utility>

namespace cortex {

std::string_view to_string(yaml_kind kind) noexcept {
  switch (kind) {
    case yaml_kind::null: return "null";
    case yaml_kind::boolean: return "a truth value";
    case yaml_kind::integer: return "an integer";
    case yaml_kind::real: return "a real number";
    case yaml_kind::string: return "a text";
    case yaml_kind::timestamp: return "a timestamp";
    case yaml_kind::binary: return "binary data";
    case yaml_kind::sequence: return "a sequence";
    case yaml_kind::mapping: return "a mapping";
  }
  return "nothing";
}

// -- making ---------------------------------------------------------------------------------------

void yaml::hold(std::int64_t number) noexcept {
  data_ = number;
}

void yaml::hold(std::uint64_t number) {
  if (number <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    data_ = static_cast<std::int64_t>(number);
  else
    data_ = long_integer{std::to_string(number)};
}

yaml yaml::sequence(std::initializer_list<yaml> elements) {
  return sequence_type{elements};
}

yaml yaml::mapping(std::initializer_list<yaml_member> members) {
  return mapping_of(mapping_type{members});
}

yaml yaml::mapping_of(mapping_type members) {
  merge_repeated_keys(members);
  yaml out;
  out.data_ = std::move(members);
  return out;
}

expected<yaml> yaml::integer(std::string_view spelled) {
  auto digits = spelled;
  const bool negative = digits.substr(0, 1) == "-";
  if (negative || digits.substr(0, 1) == "+")
    digits.remove_prefix(1);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos)
    return fail(errc::invalid_argument, "'" + std::string{spelled} + "' is no integer");
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size() - 1));
  auto text = (negative && digits != "0" ? "-" : "") + std::string{digits};
  yaml out;
  std::int64_t value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc{})
    out.data_ = value;
  else
    out.data_ = long_integer{std::move(text)};
  return out;
}

expected<yaml> yaml::timestamp(std::string_view text) {
  const auto parts = yaml_detail::read_timestamp(text);
  if (!parts)
    return fail(errc::invalid_argument, "'" + std::string{text} + "' is no date and no time");
  yaml out;
  out.data_ = date_or_time{yaml_detail::timestamp_text(*parts)};
  return out;
}

yaml yaml::binary(std::string content) {
  yaml out;
  out.data_ = bytes{std::move(content)};
  return out;
}

// -- looking --------------------------------------------------------------------------------------

yaml_kind yaml::kind() const noexcept {
  if (std::holds_alternative<long_integer>(data_))
    return yaml_kind::integer;
  return static_cast<yaml_kind>(data_.index());
}

std::string yaml::source() const {
  if (!source_.empty())
    return source_;
  switch (kind()) {
    case yaml_kind::null: return mark_.line > 0 ? "" : "null"; // read from nothing at all
    case yaml_kind::boolean: return *as_bool() ? "true" : "false";
    case yaml_kind::integer: return digits();
    case yaml_kind::real: return yaml_detail::real_text(*as_double());
    case yaml_kind::string: return *text();
    case yaml_kind::timestamp: return *timestamp_text();
    case yaml_kind::binary: return yaml_detail::base64_lines(*binary_content());
    default: return {};
  }
}

std::optional<bool> yaml::as_bool() const noexcept {
  const auto* truth = std::get_if<bool>(&data_);
  return truth != nullptr ? std::optional{*truth} : std::nullopt;
}

std::optional<std::int64_t> yaml::as_int64() const noexcept {
  const auto* number = std::get_if<std::int64_t>(&data_);
  return number != nullptr ? std::optional{*number} : std::nullopt;
}

std::optional<double> yaml::as_double() const {
  if (const auto* real = std::get_if<double>(&data_))
    return *real;
  if (const auto* number = std::get_if<std::int64_t>(&data_))
    return static_cast<double>(*number);
  if (const auto* number = std::get_if<long_integer>(&data_))
    return text::parse_python_real(number->digits);
  return std::nullopt;
}

std::string yaml::digits() const {
  if (const auto* number = std::get_if<std::int64_t>(&data_))
    return std::to_string(*number);
  if (const auto* number = std::get_if<long_integer>(&data_))
    return number->digits;
  return {};
}

const std::string* yaml::text() const noexcept {
  return std::get_if<std::string>(&data_);
}

const std::string* yaml::timestamp_text() const noexcept {
  const auto* held = std::get_if<date_or_time>(&data_);
  return held != nullptr ? &held->text : nullptr;
}

const std::string* yaml::binary_content() const noexcept {
  const auto* held = std::get_if<bytes>(&data_);
  return held != nullptr ? &held->content : nullptr;
}

const yaml::sequence_type* yaml::elements() const noexcept {
  return std::get_if<sequence_type>(&data_);
}

yaml::sequence_type* yaml::elements() noexcept {
  return std::get_if<sequence_type>(&data_);
}

const yaml::mapping_type* yaml::members() const noexcept {
  return std::get_if<mapping_type>(&data_);
}

std::size_t yaml::size() const noexcept {
  if (const auto* all = elements())
    return all->size();
  if (const auto* all = members())
    return all->size();
  return 0;
}

const yaml* yaml::find(std::string_view key) const noexcept {
  if (const auto* all = members())
    for (const auto& each : *all)
      if (each.key.text() != nullptr && *each.key.text() == key)
        return &each.value;
  return nullptr;
}

yaml* yaml::find(std::string_view key) noexcept {
  return const_cast<yaml*>(std::as_const(*this).find(key)); // NOLINT: *this is not const
}

// -- changing -------------------------------------------------------------------------------------

yaml& yaml::set(std::string key, yaml value) {
  if (is_null())
    *this = mapping();
  if (auto* present = find(key)) {
    *present = std::move(value);
    return *this;
  }
  std::get<mapping_type>(data_).push_back({std::move(key), std::move(value)});
  return *this;
}

bool yaml::erase(std::string_view key) {
  auto* all = std::get_if<mapping_type>(&data_);
  if (all == nullptr)
    return false;
  return std::erase_if(*all,
                       [key](const yaml_member& each) {
                         return each.key.text() != nullptr && *each.key.text() == key;
                       })
         > 0;
}

yaml& yaml::push_back(yaml element) {
  if (is_null())
    *this = sequence();
  std::get<sequence_type>(data_).push_back(std::move(element));
  return *this;
}

} // namespace cortex
