#include "report.hpp"

#include <array>
#include <charconv>
#include <initializer_list>
#include <string_view>

namespace cortex::bench {
namespace {

std::string number(double value, int decimals) {
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                 std::chars_format::fixed, decimals)
                     .ptr;
  return {text.data(), end};
}

/// `61.8k`, `4.22M`
std::string rate_text(double rate) {
  if (rate >= 1e6)
    return number(rate / 1e6, 2) + 'M';
  if (rate >= 1e3)
    return number(rate / 1e3, 1) + 'k';
  return number(rate, 0);
}

/// `2.1us`, `14.6ms`
std::string duration_text(double nanoseconds) {
  if (nanoseconds <= 0)
    return "-";
  if (nanoseconds < 1e3)
    return number(nanoseconds, 0) + "ns";
  if (nanoseconds < 1e6)
    return number(nanoseconds / 1e3, 1) + "us";
  if (nanoseconds < 1e9)
    return number(nanoseconds / 1e6, 1) + "ms";
  return number(nanoseconds / 1e9, 2) + "s";
}

/// A column's width; texts go to the left, numbers to the right.
struct column {
  std::size_t width = 0;
  bool text = false;
};

template <std::size_t N>
std::string line(const std::array<column, N>& columns,
                 std::initializer_list<std::string_view> values) {
  std::string made;
  const auto* each = columns.begin();
  for (const auto value : values) {
    const std::string gap(each->width > value.size() ? each->width - value.size() : 0, ' ');
    made += each->text ? std::string{value} + gap : gap + std::string{value};
    made += ++each == columns.end() ? '\n' : ' ';
  }
  return made;
}

constexpr std::array<column, 10> row_columns
  = {{{48, true}, {9}, {9}, {9}, {9}, {9}, {9}, {7}, {6}, {9}}};
constexpr std::array<column, 4> footprint_columns = {{{48, true}, {9}, {9}, {9}}};
constexpr std::array<column, 6> original_columns = {{{28, true}, {10}, {10}, {8}, {12}, {8}}};
constexpr std::array<column, 6> goal_columns
  = {{{14, true}, {62, true}, {8}, {8}, {8}, {12, true}}};

std::string ratio_text(const std::vector<row_result>& rows, const row_result& row) {
  if (const auto best = best_rate(rows, row.cell, role::rival); best && *best > 0)
    return number(row.median(&sample::rate) / *best, 2);
  if (const auto limit = best_rate(rows, row.cell, role::limit); limit && *limit > 0)
    return number(row.median(&sample::rate) / *limit, 2) + " L";
  return "-";
}

/// The rate of a row by cell and contender, 0 if it was not run.
double rate_of(const std::vector<row_result>& rows, const std::string& cell,
               std::string_view contender) {
  for (const auto& row : rows)
    if (row.cell == cell && row.contender == contender)
      return row.median(&sample::rate);
  return 0;
}

std::string multiple_text(double ours, double other) {
  return ours > 0 && other > 0 ? number(ours / other, 1) + 'x' : "-";
}

} // namespace

void print_header(std::ostream& out, const run_report& report) {
  const auto& with = report.with;
  out << "cortex_bench on " << report.where.processor << ", " << report.where.cores << " cores\n"
      << with.compiler << ", " << with.build_type << ", cortex " << with.cortex << ", SQLite "
      << with.sqlite << ", CAF " << with.caf << '\n'
      << report.options.repetitions << " repetitions, "
      << (report.options.seconds > 0
            ? number(report.options.seconds, 2) + " s each"
            : "windows shared out of " + number(report.options.limit_seconds, 0) + " s")
      << ", designs interleaved; " << report.prompts_found
      << " prompts from the test vectors, the rest made with a fixed seed\n"
         "Operations per second: median, lowest, highest. Latencies: medians over the repetitions;"
         " the longest includes calls still waiting at the end.\n"
         "The last column: over the best rival's median, or (L) over the limit where there is no"
         " rival.\n\n"
      << line(row_columns, {"name", "median", "min", "max", "p50", "p99", "longest", "errors",
                            "lost", "vs rival"});
}

void print_cell(std::ostream& out, const std::vector<row_result>& rows) {
  for (const auto& row : rows)
    out << line(row_columns,
                {row.name, rate_text(row.median(&sample::rate)), rate_text(row.lowest_rate()),
                 rate_text(row.highest_rate()), duration_text(row.median(&sample::p50)),
                 duration_text(row.median(&sample::p99)),
                 duration_text(row.median(&sample::longest)), std::to_string(row.errors()),
                 std::to_string(row.lost()), ratio_text(rows, row)});
  for (const auto& row : rows) {
    std::string more;
    if (const double beside = row.median(&sample::beside_rate); beside > 0)
      more += ", " + rate_text(beside) + " rows/s written beside it";
    for (const auto& each : row.figures())
      more += ", " + each.name + ' ' + number(each.value, 1);
    if (!more.empty())
      out << "  " << row.name << ": " << more.substr(2) << '\n';
  }
  out << std::endl; // a long run is read while it goes on
}

void print_footprints(std::ostream& out, const std::vector<row_result>& rows) {
  if (rows.empty())
    return;
  out << "Bytes on the heap for each\n";
  for (const auto& row : rows)
    out << line(footprint_columns, {row.name, number(row.median(&sample::rate), 0),
                                    number(row.lowest_rate(), 0), number(row.highest_rate(), 0)});
  out << '\n';
}

void print_original(std::ostream& out, const std::vector<row_result>& rows) {
  std::string lines;
  for (const auto& row : rows) {
    if (row.contender != "original_in_cpp")
      continue;
    const double ours = rate_of(rows, row.cell, "cortex");
    const double stand_in = row.median(&sample::rate);
    double python = 0;
    for (const auto& figure : original_figures())
      if (row.cell.starts_with(std::string{figure.cell} + '/'))
        python = figure.rate;
    lines += line(original_columns,
                  {row.cell, ours > 0 ? rate_text(ours) : "-", rate_text(stand_in),
                   multiple_text(ours, stand_in), python > 0 ? rate_text(python) : "-",
                   multiple_text(ours, python)});
  }
  if (lines.empty())
    return;
  out << "The original's tests. The stand-in is C++ in its way and ran interleaved; the figures of"
         " the original itself are context from another run:\n"
      << original_figures().front().source
      << ". Its documentation (December 2025) says 2,391/s for semantic_mixed/documented.\n"
      << line(original_columns, {"test", "cortex", "stand-in", "ratio", "Python 3.11", "ratio"})
      << lines << '\n';
}

void print_noise(std::ostream& out, const run_report& report) {
  std::vector<double> foreign;
  for (const auto& row : report.rows)
    if (row.unit != "bytes")
      foreign.push_back(row.median(&sample::foreign_cores));
  out << "Other processes used " << number(median_of(foreign), 2) << " of " << report.where.cores
      << " cores in the windows (median of all rows).\n\n";
}

void print_goals(std::ostream& out, const run_report& report) {
  out << "Goals";
  if (report.options.repetitions < 5 || report.options.seconds < 0.3)
    out << " (to judge them: --seconds 0.3 or more, 5 repetitions or more)";
  out << '\n' << line(goal_columns, {"goal", "what", "wanted", "floor", "here", ""});
  std::size_t unmeasured = 0;
  for (const auto& each : report.goals) {
    if (each.went == verdict::not_measured)
      ++unmeasured;
    else
      out << line(goal_columns, {each.id, each.what, each.wanted, each.floor,
                                 each.ratio ? number(*each.ratio, 2) : "-", to_string(each.went)});
  }
  if (unmeasured != 0)
    out << unmeasured << " goals not measured, for their rows were left out\n";
  out << std::endl;
}

} // namespace cortex::bench
