#include "cortex/text/python_number.hpp"

#include "support/catch_compat.hpp"

#include <cmath>
#include <limits>
#include <string>

namespace text = cortex::text;
using namespace std::string_literals;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

bool is_integer(const std::string& source, std::int64_t value) {
  const auto parsed = text::parse_python_integer(source);
  return parsed.form == text::number_form::number && parsed.value == value;
}

} // namespace

TEST_CASE("integers are read in Python's spelling", "[text]") {
  CHECK(is_integer("0", 0));
  CHECK(is_integer("-0", 0));
  CHECK(is_integer("007", 7));
  CHECK(is_integer("+8", 8));
  CHECK(is_integer("\t\u3000-1_0\n", -10));
  CHECK(is_integer("1_2_3", 123));
  CHECK(is_integer("9223372036854775807", std::numeric_limits<std::int64_t>::max()));
  CHECK(is_integer("-9223372036854775808", std::numeric_limits<std::int64_t>::min()));
}

TEST_CASE("an integer of any size is a number, if not always one that fits", "[text][errors]") {
  const auto large
    = GENERATE("9223372036854775808"s, "-9223372036854775809"s, std::string(5000, '9'));

  CHECK(text::parse_python_integer(large).form == text::number_form::out_of_range);
}

TEST_CASE("other texts are no integers", "[text][errors]") {
  const auto bad = GENERATE(""s, " "s, "+"s, "-"s, "+-1"s, "--1"s, "_1"s, "1_"s, "1__0"s, "-_1"s,
                            "1 0"s, "5.0"s, "1e3"s, "0x10"s, "inf"s, "1\0"s, "\xff"s, "- 1"s);

  CHECK(text::parse_python_integer(bad).form == text::number_form::malformed);
}

TEST_CASE("real numbers are read in Python's spelling", "[text]") {
  CHECK(text::parse_python_real("1") == 1.0);
  CHECK(text::parse_python_real(" .75\n") == 0.75);
  CHECK(text::parse_python_real("5.") == 5.0);
  CHECK(text::parse_python_real("1e-1") == 0.1);
  CHECK(text::parse_python_real("+1E+2") == 100.0);
  CHECK(text::parse_python_real("1_0.2_5e1_0") == 10.25e10);
  CHECK(text::parse_python_real("-Infinity") == -infinity);
  CHECK(text::parse_python_real("INF") == infinity);
  CHECK(std::isnan(text::parse_python_real("-NaN").value()));
  CHECK(std::signbit(text::parse_python_real("-0").value()));
}

TEST_CASE("real numbers beyond a double are infinite or zero", "[text]") {
  CHECK(text::parse_python_real("1e400") == infinity);
  CHECK(text::parse_python_real("-1e400") == -infinity);
  CHECK(text::parse_python_real("1e-400") == 0.0);
  CHECK(text::parse_python_real("0e999999999999999999999") == 0.0);
  CHECK(text::parse_python_real("0." + std::string(400, '0') + "1e500") == 1e99);
  CHECK(text::parse_python_real("0." + std::string(600, '0') + "1e100") == 0.0);
  CHECK(text::parse_python_real(std::string(400, '9')) == infinity);
  CHECK(text::parse_python_real("5e-324") == std::numeric_limits<double>::denorm_min());
}

TEST_CASE("other texts are no real numbers", "[text][errors]") {
  const auto bad = GENERATE(""s, "."s, "e1"s, "1e"s, "1e+"s, "+.e1"s, "1_"s, "1_.0"s, "1._0"s,
                            "1e_1"s, "0x1p3"s, "infinit"s, "in_f"s, "nan(1)"s, "high"s, "1.0.0"s,
                            "+-1"s, "1,5"s);

  CHECK_FALSE(text::parse_python_real(bad));
}
