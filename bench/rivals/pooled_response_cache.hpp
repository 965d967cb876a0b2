/// A response cache and its patterns in C++, written in the way of the Python original.
#pragma once

#include "responses.hpp"

#include <memory>

namespace cortex::bench {

/// Five connections; a get is a SELECT, then an UPDATE of the counters in a transaction of its own;
/// a put is INSERT OR REPLACE in one.
[[nodiscard]] std::unique_ptr<response_store>
open_pooled_response_cache(const response_setting& where);

/// 26 regular expressions of the standard library, searched one after the other.
[[nodiscard]] std::unique_ptr<command_finder> make_regex_patterns();

} // namespace cortex::bench
