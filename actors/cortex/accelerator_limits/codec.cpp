#include "cortex/accelerator_limits/codec.hpp"

#include "cortex/json.hpp"

#include <cmath>
#include <utility>

namespace cortex::accelerator_limits {
namespace {

constexpr json_limits row_limits{.max_bytes = std::size_t{1} << 20U, .max_depth = 64};

json to_json(const cpu_percent& percent) {
  return std::visit([](auto number) { return json{number}; }, percent);
}

void set_values(json& object, const profile& what) {
  object.set("name", what.name)
    .set("preset", what.preset)
    .set("cpu_quota", to_json(what.cpu_quota))
    .set("memory_max", what.memory_max)
    .set("gpu_ids", json::array_of(what.gpu_ids))
    .set("oom_score_adj", what.oom_score_adj);
}

/// Nothing if the key is absent.
template <class T, class Read>
expected<void> read_key(const json& object, const char* key, T& into, Read read) {
  const auto* value = object.find(key);
  if (value == nullptr)
    return {};
  auto wanted = read(*value);
  if (!wanted)
    return fail(errc::corrupt, std::string{"'"} + key + "' cannot be "
                                 + std::string{to_string(value->kind())} + " of this value");
  into = *std::move(wanted);
  return {};
}

std::optional<std::string> as_text(const json& value) {
  return value.text() == nullptr ? std::nullopt : std::optional{*value.text()};
}

std::optional<cpu_percent> as_percent(const json& value) {
  if (const auto number = value.as_int64())
    return cpu_percent{*number};
  if (const auto number = value.as_double())
    return cpu_percent{*number};
  return std::nullopt;
}

/// Also a real number without a fraction: who wrote the row was free to give one.
std::optional<std::int64_t> as_integer(const json& value) {
  if (const auto number = value.as_int64())
    return number;
  constexpr double too_large = 9.2e18;
  const auto real = value.kind() == json_kind::real ? value.as_double() : std::nullopt;
  if (real && std::trunc(*real) == *real && std::fabs(*real) < too_large)
    return static_cast<std::int64_t>(*real);
  return std::nullopt;
}

std::optional<std::vector<std::int64_t>> as_ids(const json& value) {
  std::vector<std::int64_t> ids;
  if (value.is_null())
    return ids;
  if (value.elements() == nullptr)
    return std::nullopt;
  for (const auto& each : *value.elements()) {
    const auto id = as_integer(each);
    if (!id)
      return std::nullopt;
    ids.push_back(*id);
  }
  return ids;
}

} // namespace

std::string encode_profile(const profile& what) {
  json object;
  set_values(object, what);
  return object.dump();
}

std::string encode_profile(const profile& what, std::string_view before) {
  auto object = json::parse(before, row_limits);
  if (!object || object->members() == nullptr)
    return encode_profile(what);
  set_values(*object, what);
  return object->dump();
}

expected<profile> decode_profile(std::string_view config) {
  const auto object = json::parse(config, row_limits);
  if (!object)
    return unexpected{object.error()};
  auto name = object->get<std::string>("name");
  if (!name)
    return fail(errc::corrupt, "a profile needs a name: " + name.error().detail);
  profile out;
  out.name = *std::move(name);
  auto read
    = read_key(*object, "preset", out.preset, as_text)
        .and_then([&] { return read_key(*object, "cpu_quota", out.cpu_quota, as_percent); })
        .and_then([&] { return read_key(*object, "memory_max", out.memory_max, as_integer); })
        .and_then([&] { return read_key(*object, "gpu_ids", out.gpu_ids, as_ids); })
        .and_then(
          [&] { return read_key(*object, "oom_score_adj", out.oom_score_adj, as_integer); });
  if (!read)
    return unexpected{std::move(read).error()};
  return out;
}

} // namespace cortex::accelerator_limits
