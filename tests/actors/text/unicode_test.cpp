#include "cortex/text/unicode.hpp"

#include "support/catch_compat.hpp"
#include "support/vectors.hpp"

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace text = cortex::text;
namespace testing = cortex::testing;
using namespace std::string_literals;

namespace {

constexpr char32_t last_code_point = 0x10ffff;

bool is_surrogate(char32_t code_point) {
  return code_point >= 0xd800 && code_point <= 0xdfff;
}

std::string utf8(char32_t code_point) {
  std::string out;
  text::append_utf8(out, code_point);
  return out;
}

std::set<char32_t> members(const nlohmann::json& ranges) {
  std::set<char32_t> result;
  for (const auto& range : ranges) {
    const auto last = range[1].get<std::uint32_t>();
    for (auto code_point = range[0].get<std::uint32_t>(); code_point <= last; ++code_point)
      result.insert(code_point);
  }
  return result;
}

/// Code points whose property differs from the table: expected to be none.
template <class Property>
std::vector<std::uint32_t> differences(const std::set<char32_t>& table, Property property) {
  std::vector<std::uint32_t> result;
  for (char32_t code_point = 0; code_point <= last_code_point; ++code_point)
    if (property(code_point) != table.contains(code_point))
      result.push_back(code_point);
  return result;
}

/// The lower case of each code point that changes on its own, as UTF-8.
std::map<char32_t, std::string> lower_mapping(const nlohmann::json& tables) {
  std::map<char32_t, std::string> result;
  for (const auto& run : tables.at("lower_runs")) {
    const auto last = run[1].get<std::int32_t>();
    const auto delta = run[3].get<std::int32_t>();
    for (auto code_point = run[0].get<std::int32_t>(); code_point <= last;
         code_point += run[2].get<std::int32_t>())
      result[static_cast<char32_t>(code_point)] = utf8(static_cast<char32_t>(code_point + delta));
  }
  for (const auto& [code_point, lowered] : tables.at("lower_special").items()) {
    std::string expansion;
    for (const auto& part : lowered)
      expansion += utf8(part.get<std::uint32_t>());
    result[static_cast<char32_t>(std::stoul(code_point))] = expansion;
  }
  return result;
}

/// A text of random bytes, with a taste for those that lead and continue sequences.
std::string hostile_text(std::mt19937& random, std::size_t size) {
  constexpr std::string_view favourites = "a\x80\xbf\xc0\xc2\xe0\xed\xef\xf0\xf4\xf5\xff";
  std::string result;
  while (result.size() < size)
    result += random() % 2 == 0 ? favourites[random() % favourites.size()]
                                : static_cast<char>(random() % 256);
  return result;
}

} // namespace

TEST_CASE("letters, numbers and white space are those of the table", "[text]") {
  const auto tables = testing::read_vectors("unicode14");

  CHECK(differences(members(tables.at("alnum")), text::is_alnum).empty());
  CHECK(differences(members(tables.at("space")), text::is_space).empty());
}

TEST_CASE("every code point alone is lower-cased as in the table", "[text]") {
  const auto mapping = lower_mapping(testing::read_vectors("unicode14"));
  testing::case_counter counter{"lower case"};

  std::vector<std::uint32_t> wrong;
  for (char32_t code_point = 0; code_point <= last_code_point; ++code_point) {
    if (is_surrogate(code_point))
      continue;
    const auto found = mapping.find(code_point);
    const auto wanted = found != mapping.end() ? found->second : utf8(code_point);
    if (text::to_lower(utf8(code_point)) != wanted)
      wrong.push_back(code_point);
    counter.ran();
  }

  CHECK(wrong.empty());
  counter.require_any();
}

TEST_CASE("a capital sigma ends a word by what surrounds it", "[text]") {
  const auto tables = testing::read_vectors("unicode14");
  const auto ignorable = members(tables.at("case_ignorable"));
  const auto cased = members(tables.at("cased"));
  const auto wanted_after_a = [&](char32_t next) {
    // A code point to skip is followed by the end of the text, an uncased one ends the word.
    return ignorable.contains(next) || !cased.contains(next) ? U'\u03c2' : U'\u03c3';
  };

  std::vector<std::uint32_t> wrong;
  for (char32_t code_point = 0x20; code_point <= 0x1ffff; ++code_point) {
    if (is_surrogate(code_point))
      continue;
    const auto lowered = text::to_lower("a\u03a3" + utf8(code_point));
    if (lowered.substr(1, 2) != utf8(wanted_after_a(code_point)))
      wrong.push_back(code_point);
  }
  CHECK(wrong.empty());

  CHECK(text::to_lower("\u03a3") == "\u03c3");
  CHECK(text::to_lower("\u03a3\u03a3") == "\u03c3\u03c2");
  CHECK(text::to_lower("a'.\u0301\u03a3") == "a'.\u0301\u03c2");
  CHECK(text::to_lower("a \u03a3") == "a \u03c3");
  CHECK(text::to_lower("a\u03a3:'\u0301b") == "a\u03c3:'\u0301b");
}

TEST_CASE("lower-casing leaves bytes that are no UTF-8 alone", "[text][errors]") {
  CHECK(text::to_lower("A\xff"
                       "B\xe4\xb8"
                       "C")
        == "a\xff"
           "b\xe4\xb8"
           "c");
  CHECK(text::to_lower("A\xce\xa3\xce") == "a\xcf\x82\xce");
  CHECK(text::to_lower("\xa3\xce\xa3") == "\xa3\xcf\x83");
}

TEST_CASE("every scalar value survives encoding and decoding", "[text]") {
  std::size_t wrong = 0;
  for (char32_t code_point = 0; code_point <= last_code_point; ++code_point) {
    if (is_surrogate(code_point))
      continue;
    const auto bytes = utf8(code_point);
    const auto decoded = text::decode(bytes, 0);
    if (!decoded.valid || decoded.code_point != code_point || decoded.length != bytes.size()
        || !text::valid_utf8(bytes))
      ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("hostile sequences are no UTF-8", "[text][errors]") {
  const auto bad = GENERATE("\x80"s, "\xbf"s, "\xc0\x80"s, "\xc1\xbf"s, "\xc2"s, "\xc2\x41"s,
                            "\xe0\x80\x80"s, "\xe0\x9f\xbf"s, "\xe4\xb8"s, "\xed\xa0\x80"s,
                            "\xed\xbf\xbf"s, "\xf0\x80\x80\x80"s, "\xf0\x8f\xbf\xbf"s,
                            "\xf0\x9f\x98"s, "\xf4\x90\x80\x80"s, "\xf5\x80\x80\x80"s, "\xfe"s,
                            "\xff"s, "\xf8\x88\x80\x80\x80"s);

  CHECK_FALSE(text::valid_utf8(bad));
  CHECK_FALSE(text::valid_utf8("a longer text before " + bad));
  CHECK_FALSE(text::valid_utf8(bad + " a longer text behind"));
  CHECK_FALSE(text::decode(bad, 0).valid);
  CHECK(text::decode(bad, 0).length == 1);
}

TEST_CASE("texts at the edges of the encoding are UTF-8", "[text]") {
  const auto good = GENERATE(""s, "\0"s, "plain"s, "\x7f"s, "\xc2\x80"s, "\xdf\xbf"s,
                             "\xe0\xa0\x80"s, "\xed\x9f\xbf"s, "\xee\x80\x80"s, "\xef\xbf\xbf"s,
                             "\xf0\x90\x80\x80"s, "\xf4\x8f\xbf\xbf"s);

  CHECK(text::valid_utf8(good));
  CHECK(text::valid_utf8("12345678" + good + "12345678"));
}

TEST_CASE("random bytes never lead past the end", "[text][errors]") {
  constexpr unsigned seed = 20251222;
  INFO("seed " << seed);
  std::mt19937 random{seed};

  std::size_t disagreements = 0;
  for (int round = 0; round < 20000; ++round) {
    // An exact heap copy: a sanitizer sees every byte read beyond it.
    const auto source = hostile_text(random, random() % 24);
    const std::vector<char> exact(source.begin(), source.end());
    const std::string_view bytes{exact.data(), exact.size()};

    bool all_valid = true;
    std::size_t at = 0;
    while (at < bytes.size()) {
      const auto next = text::decode(bytes, at);
      all_valid &= next.valid;
      at += next.length;
    }
    disagreements += at != bytes.size() || all_valid != text::valid_utf8(bytes);
    (void)text::to_lower(bytes);
    (void)text::trim(bytes);
  }
  CHECK(disagreements == 0);
}

TEST_CASE("trimming takes white space of all kinds from both ends", "[text]") {
  CHECK(text::trim("").empty());
  CHECK(text::trim(" \t\n\u3000").empty());
  CHECK(text::trim("\u00a0 a b\u2028\x1f") == "a b");
  CHECK(text::trim("\xff a \xff") == "\xff a \xff");
}
