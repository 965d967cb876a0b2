#include "cortex/text/python_float.hpp"

#include "support/catch_compat.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>

namespace text = cortex::text;
using limits = std::numeric_limits<double>;

TEST_CASE("whole numbers end in .0 up to 16 digits", "[text]") {
  CHECK(text::python_float(0.0) == "0.0");
  CHECK(text::python_float(-0.0) == "-0.0");
  CHECK(text::python_float(1.0) == "1.0");
  CHECK(text::python_float(-120.0) == "-120.0");
  CHECK(text::python_float(9999999999999998.0) == "9999999999999998.0");
  CHECK(text::python_float(1e15) == "1000000000000000.0");
  CHECK(text::python_float(1e16) == "1e+16");
  CHECK(text::python_float(-1e22) == "-1e+22");
}

TEST_CASE("fractions have the fewest digits", "[text]") {
  CHECK(text::python_float(0.1) == "0.1");
  CHECK(text::python_float(0.1 + 0.2) == "0.30000000000000004");
  CHECK(text::python_float(1.0 / 3.0) == "0.3333333333333333");
  CHECK(text::python_float(123.456) == "123.456");
  CHECK(text::python_float(1234567890123456.7) == "1234567890123456.8");
}

TEST_CASE("small and large numbers have an exponent of at least two digits", "[text]") {
  CHECK(text::python_float(0.0001) == "0.0001");
  CHECK(text::python_float(0.00012) == "0.00012");
  CHECK(text::python_float(0.00001) == "1e-05");
  CHECK(text::python_float(0.000012345) == "1.2345e-05");
  CHECK(text::python_float(123456789012345680.0) == "1.2345678901234568e+17");
  CHECK(text::python_float(1e100) == "1e+100");
  CHECK(text::python_float(limits::max()) == "1.7976931348623157e+308");
  CHECK(text::python_float(limits::min()) == "2.2250738585072014e-308");
  CHECK(text::python_float(limits::denorm_min()) == "5e-324");
}

TEST_CASE("what is no finite number has a word", "[text]") {
  CHECK(text::python_float(limits::infinity()) == "inf");
  CHECK(text::python_float(-limits::infinity()) == "-inf");
  CHECK(text::python_float(limits::quiet_NaN()) == "nan");
  CHECK(text::python_float(-limits::quiet_NaN()) == "nan");
}

TEST_CASE("every number reads back to the same bits", "[text]") {
  constexpr unsigned seed = 11;
  INFO("seed " << seed);
  std::mt19937_64 random{seed};

  std::size_t wrong = 0;
  for (int round = 0; round < 100'000; ++round) {
    const auto bits = random();
    const auto value = std::bit_cast<double>(bits);
    if (!std::isfinite(value))
      continue;
    const auto written = text::python_float(value);
    const bool has_mark = written.find_first_of(".e") != std::string::npos;
    wrong += std::bit_cast<std::uint64_t>(std::strtod(written.c_str(), nullptr)) != bits
             || !has_mark;
  }
  CHECK(wrong == 0);
}
