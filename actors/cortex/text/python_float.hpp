/// The text Python gives a real number: `0.1`, `1e+16`, `-0.0`, `nan`.
#pragma once

#include <string>

namespace cortex::text {

/// Appends Python's text of a number: the fewest digits that read back to the same double, with a
/// point or an exponent always; an exponent of at least two digits below 1e-4 and from 1e16 on.
/// Infinite values are `inf` and `-inf`. Thread-safe.
void append_python_float(std::string& out, double value);
[[nodiscard]] std::string python_float(double value);

} // namespace cortex::text
