#include "cortex/kv_cache/codec.hpp"

#include "cortex/json.hpp"

namespace cortex::kv_cache {
namespace {

constexpr json_limits bounds{std::size_t{64} << 10U, 16, 1000, 100};

/// Takes a member over. Errors: `corrupt`; `not_found` if it is missing.
template <class T>
expected<void> take(const json& from, std::string_view key, T& to) {
  auto value = from.get<T>(key);
  if (!value)
    return unexpected{std::move(value).error()};
  to = *std::move(value);
  return {};
}

} // namespace

std::string encode_configuration(const configuration& what) {
  return json::object({{"name", what.name},
                       {"size_bytes", what.size_bytes},
                       {"policy", what.policy},
                       {"max_sequences", what.max_sequences}})
    .dump();
}

expected<configuration> decode_configuration(std::string_view json) {
  auto parsed = cortex::json::parse(json, bounds);
  if (!parsed)
    return unexpected{std::move(parsed).error()};
  configuration out;
  for (auto got : {take(*parsed, "name", out.name), take(*parsed, "size_bytes", out.size_bytes)})
    if (!got)
      return fail(errc::corrupt, got.error().detail);
  for (auto got :
       {take(*parsed, "policy", out.policy), take(*parsed, "max_sequences", out.max_sequences)})
    if (!got && got.error().code != errc::not_found)
      return unexpected{std::move(got).error()};
  return out;
}

} // namespace cortex::kv_cache
