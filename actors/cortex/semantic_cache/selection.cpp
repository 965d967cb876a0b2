#include "cortex/semantic_cache/selection.hpp"

#include "cortex/text/unicode.hpp"

namespace cortex::semantic_cache {

expected<selection> resolve(const filter& which) {
  selection out;
  out.id = which.id;
  out.provider = which.provider;
  out.model = which.model;
  for (const auto* text : {&which.provider, &which.model, &which.system_prompt})
    if (*text && !text::valid_utf8(**text))
      return fail(errc::invalid_argument, "a text of the filter is no valid UTF-8");
  if (which.system_prompt)
    out.system_hash = text::sha256(*which.system_prompt);
  if (which.put_before)
    out.put_before = which.put_before->time_since_epoch().count();
  if (!which.what)
    return out;
  if (which.provider || which.model || which.system_prompt)
    return fail(errc::invalid_argument, "the filter names a key and a part of its scope");
  const key& named = *which.what;
  if (named.invalid_text() != nullptr)
    return fail(errc::invalid_argument,
                std::string{"the "} + named.invalid_text() + " is no valid UTF-8");
  out.provider = named.provider();
  out.model = named.model();
  out.system_hash = named.system_hash();
  out.prompt_hash = named.prompt_hash();
  return out;
}

} // namespace cortex::semantic_cache
