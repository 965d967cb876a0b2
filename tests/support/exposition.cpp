#include "support/exposition.hpp"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>
#include <stdexcept>

namespace cortex::testing {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/// One line, eaten from the front.
class line_reader {
public:
  explicit line_reader(std::string_view line) : line_(line), rest_(line) {}

  [[noreturn]] void reject(const std::string& why) const {
    throw std::runtime_error{why + ": " + std::string{line_}};
  }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] bool take(std::string_view text) {
    if (!rest_.starts_with(text))
      return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  void need(std::string_view text) {
    if (!take(text))
      reject("no '" + std::string{text} + "'");
  }
  std::string name(bool colons) {
    std::size_t n = 0;
    while (n < rest_.size()
           && (is_letter(rest_[n]) || (colons && rest_[n] == ':')
               || (n > 0 && rest_[n] >= '0' && rest_[n] <= '9')))
      ++n;
    if (n == 0)
      reject("no name");
    return eat(n);
  }
  /// To the end of the line, or to a quote.
  std::string text(bool quoted) {
    std::string out;
    while (!rest_.empty() && !(quoted && rest_[0] == '"')) {
      if (!take("\\")) {
        out += eat(1);
      } else if (take("n")) {
        out += '\n';
      } else if (take("\\")) {
        out += '\\';
      } else if (quoted && take("\"")) {
        out += '"';
      } else {
        reject("a bad escape");
      }
    }
    return out;
  }
  double number() {
    const auto word = std::string{rest_};
    rest_ = {};
    if (word == "+Inf")
      return std::numeric_limits<double>::infinity();
    char* end = nullptr;
    const auto value = std::strtod(word.c_str(), &end);
    if (word.empty() || end != word.c_str() + word.size() || !std::isfinite(value))
      reject("no number");
    return value;
  }

private:
  std::string eat(std::size_t n) {
    auto out = std::string{rest_.substr(0, n)};
    rest_.remove_prefix(n);
    return out;
  }

  std::string_view line_;
  std::string_view rest_;
};

series read_series(line_reader& from) {
  series out;
  out.name = from.name(true);
  if (from.take("{")) {
    do {
      auto label = from.name(false);
      from.need("=\"");
      auto value = from.text(true);
      from.need("\"");
      if (!out.labels.emplace(std::move(label), std::move(value)).second)
        from.reject("a label twice");
    } while (from.take(","));
    from.need("}");
  }
  from.need(" ");
  out.value = from.number();
  return out;
}

double bound_of(const series& bucket) {
  const auto& le = bucket.labels.at("le");
  return le == "+Inf" ? std::numeric_limits<double>::infinity() : std::stod(le);
}

[[noreturn]] void reject(const metric_family& of, const std::string& why) {
  throw std::runtime_error{of.name + ": " + why};
}

// Buckets of one set of labels follow each other, then come the sum and the count.
void check_histogram(const metric_family& of) {
  double bound = -1;
  double count = 0;
  bool summed = false;
  for (const auto& each : of.all) {
    if (each.name == of.name + "_bucket") {
      if (bound_of(each) <= bound || each.value < count)
        reject(of, "buckets out of order");
      bound = bound_of(each);
      count = each.value;
    } else if (each.name == of.name + "_sum") {
      summed = each.value >= 0 && std::isinf(bound);
    } else if (each.name == of.name + "_count") {
      if (!summed || each.value != count)
        reject(of, "no sum, no +Inf, or another count");
      bound = -1;
      count = 0;
      summed = false;
    } else {
      reject(of, "a series of another name");
    }
  }
  if (bound != -1)
    reject(of, "a histogram without its end");
}

void check(const metric_family& of) {
  std::set<std::pair<std::string, std::map<std::string, std::string>>> seen;
  for (const auto& each : of.all)
    if (!seen.emplace(each.name, each.labels).second)
      reject(of, "a series twice");
  if (of.type == "histogram")
    return check_histogram(of);
  for (const auto& each : of.all)
    if (each.name != of.name)
      reject(of, "a series of another name");
  const bool total = of.name.ends_with("_total");
  if (of.type == "counter" ? !total : total || of.type != "gauge")
    reject(of, "a type that does not fit its name");
}

} // namespace

exposition::exposition(std::string_view text) {
  std::set<std::string> names;
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos)
      throw std::runtime_error{"the last line does not end"};
    line_reader line{text.substr(0, end)};
    text.remove_prefix(end + 1);
    if (line.take("# HELP ")) {
      auto& fresh = families_.emplace_back();
      fresh.name = line.name(true);
      line.need(" ");
      fresh.help = line.text(false);
      if (!names.insert(fresh.name).second)
        line.reject("a family twice");
    } else if (line.take("# TYPE ")) {
      if (families_.empty() || !families_.back().type.empty()
          || line.name(true) != families_.back().name)
        line.reject("a type without its help");
      line.need(" ");
      families_.back().type = line.name(false);
    } else {
      auto one = read_series(line);
      if (families_.empty() || families_.back().type.empty()
          || !one.name.starts_with(families_.back().name))
        line.reject("a series outside its family");
      families_.back().all.push_back(std::move(one));
    }
    if (!line.at_end())
      line.reject("more than there should be");
  }
  for (const auto& each : families_)
    check(each);
}

const metric_family& exposition::family(std::string_view name) const {
  for (const auto& each : families_)
    if (each.name == name)
      return each;
  throw std::runtime_error{"no family " + std::string{name}};
}

double exposition::value(std::string_view name,
                         const std::map<std::string, std::string>& labels) const {
  for (const auto& family : families_)
    for (const auto& each : family.all)
      if (each.name == name && each.labels == labels)
        return each.value;
  throw std::runtime_error{"no series " + std::string{name}};
}

std::set<std::vector<std::string>> documented_metrics() {
  std::ifstream in{std::string{CORTEX_TEST_DATA} + "/../../docs/observability.md"};
  std::set<std::vector<std::string>> out;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("| `cortex_"))
      continue;
    std::vector<std::string> cells;
    std::istringstream row{line.substr(2)};
    for (std::string cell; std::getline(row, cell, '|');)
      cells.push_back(
        cell.substr(0, cell.find_last_not_of(' ') + 1).substr(cell[0] == ' ' ? 1 : 0));
    cells.at(0) = cells.at(0).substr(1, cells.at(0).size() - 2);
    cells.resize(3);
    out.insert(cells);
  }
  return out;
}

} // namespace cortex::testing
