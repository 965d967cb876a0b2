#include "cortex/semantic_cache/guard_words.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cortex::semantic_cache {
namespace {

constexpr auto pairs = std::to_array<opposite>({
  {"start begin launch boot resume run", "stop halt kill terminate quit pause suspend shutdown "
                                         "abort"},
  {"enable activate", "disable deactivate"},
  {"install", "uninstall remove purge delete erase"},
  {"add insert append", "remove delete drop erase subtract"},
  {"create generate", "remove delete drop erase destroy"},
  {"keep preserve retain", "remove delete drop erase discard"},
  {"on", "off", true},
  {"up", "down", true},
  {"open", "close shut"},
  {"show display reveal", "hide conceal"},
  {"lock", "unlock"},
  {"mount attach", "unmount umount detach eject"},
  {"connect", "disconnect"},
  {"increase raise grow extend enlarge expand", "decrease lower reduce shrink diminish"},
  {"bigger larger greater higher longer", "smaller lower shorter"},
  {"allow permit grant accept", "deny forbid block reject revoke refuse disallow"},
  {"encrypt", "decrypt"},
  {"encode", "decode"},
  {"compress zip pack", "decompress uncompress unzip unpack extract"},
  {"upload push", "download pull"},
  {"import", "export"},
  {"send", "receive"},
  {"upgrade", "downgrade"},
  {"login logon signin", "logout logoff signout"},
  {"backup", "restore"},
  {"merge join", "split"},
  {"save", "discard"},
  {"undo", "redo"},
  {"include", "exclude"},
  {"first", "last"},
  {"before", "after"},
  {"newest latest recent newer", "oldest earliest older"},
  {"minimum min smallest least", "maximum max largest most biggest"},
  {"ascending asc", "descending desc"},
  {"left", "right"},
  {"top", "bottom"},
  {"horizontal horizontally", "vertical vertically"},
  {"public", "private"},
  {"read", "write"},
  {"input", "output"},
  {"source", "destination target"},
  {"client", "server"},
  {"local locally", "remote remotely"},
  {"internal", "external"},
  {"inside", "outside"},
  {"online", "offline"},
  {"incoming inbound ingress", "outgoing outbound egress"},
  {"true", "false"},
  {"always", "never"},
  {"success succeed", "failure fail"},
  {"tcp", "udp"},
  {"http", "https"},
  {"stable", "unstable"},
  {"uppercase", "lowercase"},
});
static_assert(pairs.size() < 256);

constexpr std::string_view negations
  = " no not never without except excluding neither nor none nothing nobody nowhere cannot unless "
    "dont doesnt didnt isnt arent wasnt werent cant couldnt wont wouldnt shouldnt mustnt hasnt "
    "havent hadnt ";
constexpr std::string_view fillers
  = " a an the any my your our their its this that these those to be been all of it ever ";

using word_pair = std::pair<std::string_view, std::string_view>;
constexpr auto number_words = std::to_array<word_pair>({
  {"zero", "0"},
  {"two", "2"},
  {"three", "3"},
  {"four", "4"},
  {"five", "5"},
  {"six", "6"},
  {"seven", "7"},
  {"eight", "8"},
  {"nine", "9"},
  {"ten", "10"},
  {"eleven", "11"},
  {"twelve", "12"},
  {"twenty", "20"},
  {"thirty", "30"},
  {"fifty", "50"},
  {"hundred", "100"},
  {"thousand", "1000"},
  {"million", "1000000"},
});
/// The short form, then its other spellings.
constexpr auto units = std::to_array<word_pair>({
  {"b", "byte bytes"},
  {"kb", "kilobyte kilobytes k"},
  {"mb", "megabyte megabytes"},
  {"gb", "gigabyte gigabytes gig gigs"},
  {"tb", "terabyte terabytes"},
  {"kib", "kibibyte kibibytes"},
  {"mib", "mebibyte mebibytes"},
  {"gib", "gibibyte gibibytes"},
  {"tib", "tebibyte tebibytes"},
  {"ns", "nanosecond nanoseconds"},
  {"us", "microsecond microseconds"},
  {"ms", "millisecond milliseconds msec msecs"},
  {"s", "second seconds sec secs"},
  {"min", "minute minutes mins"},
  {"h", "hour hours hr hrs"},
  {"d", "day days"},
  {"w", "week weeks"},
  {"month", "months"},
  {"y", "year years yr yrs"},
  {"%", "percent"},
  {"hz", "hertz"},
  {"khz", "kilohertz"},
  {"mhz", "megahertz"},
  {"ghz", "gigahertz"},
  {"mm", "millimeter millimeters millimetre millimetres"},
  {"cm", "centimeter centimeters centimetre centimetres"},
  {"m", "meter meters metre metres"},
  {"km", "kilometer kilometers kilometre kilometres"},
  {"g", "gram grams"},
  {"kg", "kilogram kilograms kilo kilos"},
});

/// Calls `f(word)` for each word of a list.
template <class F>
void each_word(std::string_view list, F f) {
  while (!list.empty()) {
    const auto end = std::min(list.find(' '), list.size());
    if (end != 0)
      f(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

/// @pre `list` begins and ends with a space
bool lists(std::string_view list, std::string_view word) noexcept {
  for (auto at = list.find(word); at != std::string_view::npos; at = list.find(word, at + 1))
    if (list[at - 1] == ' ' && list[at + word.size()] == ' ')
      return true;
  return false;
}

using side_map = std::unordered_map<std::string_view, std::vector<side>>;
const side_map& all_sides() {
  static const side_map sides = [] {
    side_map made;
    for (std::uint8_t i = 0; i < pairs.size(); ++i) {
      each_word(pairs[i].left, [&](auto word) { made[word].push_back({i, 0}); });
      each_word(pairs[i].right, [&](auto word) { made[word].push_back({i, 1}); });
    }
    return made;
  }();
  return sides;
}

/// What an inflected word may be a form of: `stopped` of `stopp`, `stop` and `stoppe`.
std::array<std::string, 3> stems(std::string_view word, std::string_view ending) {
  const std::string stem{word.substr(0, word.size() - ending.size())};
  const auto size = stem.size();
  const bool doubled = size >= 2 && stem[size - 1] == stem[size - 2];
  return {stem, doubled ? stem.substr(0, size - 1) : stem, stem + 'e'};
}

} // namespace

std::span<const opposite> opposites() noexcept {
  return pairs;
}

std::span<const side> sides_of(std::string_view word) {
  const auto& known = all_sides();
  if (const auto found = known.find(word); found != known.end())
    return found->second;
  constexpr std::size_t shortest_stem = 3;
  for (const std::string_view ending : {"s", "es", "ed", "d", "ing", "ation"}) {
    if (!word.ends_with(ending) || word.size() < ending.size() + shortest_stem)
      continue;
    for (const auto& stem : stems(word, ending))
      if (const auto found = known.find(stem); found != known.end())
        return found->second;
  }
  return {};
}

bool is_negation(std::string_view word) noexcept {
  return word.ends_with("n't") || (!word.empty() && lists(negations, word));
}

bool is_filler(std::string_view word) noexcept {
  return !word.empty() && lists(fillers, word);
}

std::string_view digits_of(std::string_view word) noexcept {
  for (const auto& [name, digits] : number_words)
    if (name == word)
      return digits;
  return {};
}

std::string_view unit_of(std::string_view word) noexcept {
  for (const auto& [unit, spellings] : units) {
    bool is_it = unit == word;
    each_word(spellings, [&](auto spelling) { is_it = is_it || spelling == word; });
    if (is_it)
      return unit;
  }
  return {};
}

} // namespace cortex::semantic_cache
