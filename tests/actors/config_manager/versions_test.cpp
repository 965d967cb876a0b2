#include "cortex/config_manager/versions.hpp"

#include "support/catch_compat.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

using namespace cortex::config_manager;

namespace {

using order = std::weak_ordering;

struct line {
  std::string_view left;
  std::string_view right;
  order expected;
};

constexpr auto less = order::less;
constexpr auto same = order::equivalent;

template <class Compare, std::size_t Size>
void check_both_ways(const std::array<line, Size>& table, Compare compare) {
  for (const auto& [left, right, expected] : table) {
    INFO("'" << left << "' and '" << right << "'");
    CHECK((compare(left, right) == expected));
    CHECK((compare(right, left) == (0 <=> expected)));
    CHECK((compare(left, left) == same));
  }
}

/// Each is less than the next.
void check_ascending(const std::vector<std::string_view>& versions, auto compare) {
  for (std::size_t i = 0; i < versions.size(); ++i)
    for (std::size_t j = 0; j < versions.size(); ++j) {
      INFO("'" << versions[i] << "' and '" << versions[j] << "'");
      const auto found = compare(versions[i], versions[j]);
      REQUIRE(found);
      CHECK((*found == (i <=> j)));
    }
}

} // namespace

TEST_CASE("versions without rules are compared by their numbers", "[config_manager]") {
  check_both_ways(std::array<line, 9>{{{"1.2.3", "1.2.4", less},
                                       {"1.0", "1.0.0", same},
                                       {"1.9", "1.10", less},
                                       {"v1", "release-1", same},
                                       {"", "1", less},
                                       {"", "", same},
                                       {"abc", "def", same},
                                       {"007", "7", same},
                                       {"99999999999999999999", "100000000000000000000", less}}},
                  compare_numeric);
}

TEST_CASE("CM-2: Debian versions are in the order of dpkg", "[config_manager]") {
  check_both_ways(std::array<line, 22>{{{"1.0~rc1", "1.0", less},
                                        {"1.0~rc1-1", "1.0-1", less},
                                        {"1.0~~", "1.0~", less},
                                        {"1.0~~a", "1.0~", less},
                                        {"2.36-9+deb12u3", "2.36-9+deb12u10", less},
                                        {"2.4-1", "1:2.3-4", less},
                                        {"9", "1:0", less},
                                        {"0:1.0", "1.0", same},
                                        {"1.0", "1.0.0", less},
                                        {"1.0", "1.0a", less},
                                        {"1.0a", "1.0+", less},
                                        {"1.0+", "1.0.", less},
                                        {"1.0", "1.0-0", same},
                                        {"1.0-1", "1.0-1.1", less},
                                        {"1-2-3", "1-3-1", less},
                                        {"1.001", "1.1", same},
                                        {"1.0Z", "1.0a", less},
                                        {"1.0-1~bpo1", "1.0-1", less},
                                        {"0.9.7-1", "0.9.7-1+b1", less},
                                        {"2024.01", "2024.1", same},
                                        {"10000000000000000001", "10000000000000000002", less},
                                        {"", "1", less}}},
                  compare_debian);
}

TEST_CASE("what is no Debian version is told apart", "[config_manager]") {
  CHECK(is_debian_version("1:2.39.2-1.1+deb12u1~bpo"));
  CHECK(is_debian_version("0"));
  CHECK_FALSE(is_debian_version(""));
  CHECK_FALSE(is_debian_version("1:"));
  CHECK_FALSE(is_debian_version("x:1"));
  CHECK_FALSE(is_debian_version("1.0 "));
  CHECK_FALSE(is_debian_version("1_0"));
}

TEST_CASE("CM-2: Python versions are in the order of PEP 440", "[config_manager]") {
  // The examples of the document, section "Summary of permitted suffixes and relative ordering".
  check_ascending(
    {"1.dev0",
     "1.0.dev456",
     "1.0a1",
     "1.0a2.dev456",
     "1.0a12.dev456",
     "1.0a12",
     "1.0b1.dev456",
     "1.0b2",
     "1.0b2.post345.dev456",
     "1.0b2.post345",
     "1.0rc1.dev456",
     "1.0rc1",
     "1.0",
     "1.0+abc.5",
     "1.0+abc.7",
     "1.0+5",
     "1.0.post456.dev34",
     "1.0.post456",
     "1.0.15",
     "1.1.dev1",
     "1!0.1"},
    [](std::string_view left, std::string_view right) { return compare_python(left, right); });
}

TEST_CASE("CM-3: spellings of one Python version are equal", "[config_manager]") {
  constexpr std::array<line, 10> table{{{"1.24", "1.24.0", same},
                                        {"v1.0", "1.0", same},
                                        {"1.0-RC.1", "1.0rc1", same},
                                        {"1.0alpha", "1.0a0", same},
                                        {"1.0c2", "1.0rc2", same},
                                        {"1.0-1", "1.0.post1", same},
                                        {"1.0.rev2", "1.0post2", same},
                                        {" 1.0 ", "1.0", same},
                                        {"1.0+ABC-1", "1.0+abc.1", same},
                                        {"1.00", "1", same}}};
  check_both_ways(table, [](std::string_view left, std::string_view right) {
    return compare_python(left, right).value();
  });
  CHECK_FALSE(compare_python("1.0-x", "1.0"));
  CHECK_FALSE(compare_python("1.0", "french toast"));
  CHECK_FALSE(compare_python("1.0\n2", "1.0"));
}

TEST_CASE("CM-2: npm versions are in the order of semantic versioning", "[config_manager]") {
  // The example of section 11, with some numbers around it.
  check_ascending(
    {"0.9.10", "1.0.0-1", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta",
     "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.10", "1.2.0", "1.10.0", "10.0.0"},
    [](std::string_view left, std::string_view right) { return compare_semantic(left, right); });
  CHECK((compare_semantic("v1.0.0+build.7", "1.0.0") == same));
  CHECK_FALSE(compare_semantic("1.0", "1.0.0"));
  CHECK_FALSE(compare_semantic("1.0.0", "01.0.0"));
}

TEST_CASE("each source has its order, others and what does not fit the numeric one",
          "[config_manager]") {
  CHECK((compare_in("apt", "1.0~rc1", "1.0") == less));
  CHECK((compare_in("pip", "1.0rc1", "1.0") == less));
  CHECK((compare_in("npm", "5.0.0-beta.1", "5.0.0") == less));
  CHECK((compare_in("snap", "1.0rc1", "1.0") == order::greater));
  CHECK((compare_in("apt", "1_0~rc1", "1_0") == order::greater));
  CHECK((compare_in("pip", "1.0-x2", "1.0-x3") == less));
  CHECK((compare_in("npm", "5.1", "5.0.0") == order::greater));
}
