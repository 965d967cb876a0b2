/// Which entries a request means.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/semantic_cache.hpp"
#include "cortex/semantic_cache/entry.hpp"
#include "cortex/text/digest.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace cortex::semantic_cache {

/// A filter as entries are compared with it: all that is set must hold. *Immutable after
/// construction*.
struct selection {
  std::optional<std::int64_t> id;
  std::optional<std::string> provider;
  std::optional<std::string> model;
  std::optional<text::sha256_digest> system_hash;
  std::optional<text::sha256_digest> prompt_hash;
  std::optional<std::int64_t> put_before; ///< Seconds since 1970.

  friend bool operator==(const selection&, const selection&) = default;

  [[nodiscard]] bool matches(const entry& facts) const noexcept {
    return (!id || *id == facts.id) && (!provider || *provider == facts.home.provider)
           && (!model || *model == facts.home.model)
           && (!system_hash || *system_hash == facts.home.system_hash)
           && (!prompt_hash || *prompt_hash == facts.prompt_hash)
           && (!put_before || facts.created_at < *put_before);
  }
};

/// Errors: `invalid_argument` if a text is no valid UTF-8, or if a key is named beside a provider,
/// model or system prompt.
[[nodiscard]] expected<selection> resolve(const filter& which);

} // namespace cortex::semantic_cache
