#include "goals.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace cortex::bench {
namespace {

using metric = double (*)(const row_result&);

double rate(const row_result& row) {
  return row.median(&sample::rate);
}
double p99(const row_result& row) {
  return row.median(&sample::p99);
}
double longest(const row_result& row) {
  return row.median(&sample::longest);
}
double longest_over_p50(const row_result& row) {
  return row.median(&sample::longest) / row.median(&sample::p50);
}
double slowest_share(const row_result& row) {
  return row.median(&sample::slowest_share);
}
double bytes(const row_result& row) {
  return row.median(&sample::rate);
}

/// What a goal compares our row with.
enum class against : std::uint8_t {
  best_rival,
  limit,
  row,      ///< the contender named in `other`
  original, ///< the figure of the Python original for the same cell
  constant, ///< operations per second, in `figure`
};

/// The row of the library in a cell; other rows of ours there are variants.
constexpr std::string_view main_row = "cortex";

struct goal {
  std::string_view id;
  std::string_view cell;
  against reference;
  std::string_view other; // a contender, or what the constant is
  metric measure;
  double wanted;
  double floor; // 0: none
  double figure = 0;
  std::string_view contender = main_row;
};

constexpr double documented_rate = 2391; // the original's own documentation, December 2025

/// Ratios of rates have a lower bound, ratios of latencies an upper one.
bool less_is_better(const goal& each) {
  return each.measure != &rate && each.measure != &slowest_share;
}

const std::array goals = {
  goal{"W1", "write_committed/1", against::best_rival, "", rate, 0.95, 0.9},
  goal{"W8", "write_committed/8", against::best_rival, "", rate, 1.8, 1.4},
  goal{"W64", "write_committed/64", against::best_rival, "", rate, 3.5, 2.7},
  goal{"W64 p99", "write_committed/64", against::row, "pool_of_5", p99, 1.0 / 8, 0},
  goal{"W300", "write_committed/300", against::best_rival, "", rate, 3.5, 3},
  goal{"W300 longest", "write_committed/300", against::row, "mutex", longest, 1.0 / 10, 0},
  goal{"W1000", "write_committed/1000", against::best_rival, "", rate, 3, 2},
  goal{"W1000 longest", "write_committed/1000", against::row, "mutex", longest, 1.0 / 6, 0},
  goal{"WF8", "write_synced/8", against::best_rival, "", rate, 5, 4},
  goal{"WF64", "write_synced/64", against::best_rival, "", rate, 25, 18},
  goal{"WF300", "write_synced/300", against::best_rival, "", rate, 26, 20},
  goal{"WF1000", "write_synced/1000", against::best_rival, "", rate, 24, 18},
  goal{"WA 1", "write_pipelined/1", against::limit, "", rate, 0.85, 0.7},
  goal{"WA 2", "write_pipelined/2", against::limit, "", rate, 0.85, 0.7},
  goal{"R1", "read/1", against::best_rival, "", rate, 2.5, 2.2},
  goal{"R8", "read/8", against::best_rival, "", rate, 1.8, 1.5},
  goal{"R64", "read/64", against::best_rival, "", rate, 1.8, 1.5},
  goal{"R300", "read/300", against::best_rival, "", rate, 1.7, 1.5},
  goal{"R1000", "read/1000", against::best_rival, "", rate, 1.6, 1.4},
  goal{"RL", "read_kept/1", against::limit, "", rate, 0.7, 0.5},
  goal{"M1", "mix/1", against::best_rival, "", rate, 0.95, 0.95},
  goal{"M8", "mix/8", against::best_rival, "", rate, 1.2, 1.1},
  goal{"M64", "mix/64", against::best_rival, "", rate, 2.3, 2},
  goal{"M300", "mix/300", against::best_rival, "", rate, 2.3, 2},
  goal{"M1000", "mix/1000", against::best_rival, "", rate, 2, 1.6},
  goal{"A1", "call/1", against::row, "caf_scoped_actor", rate, 100, 50},
  goal{"A1 detached", "call/1", against::row, "caf_scoped_actor_detached", rate, 20, 10},
  goal{"A64", "call/64", against::row, "caf_scoped_actor", rate, 25, 12},
  goal{"A300", "call/300", against::row, "caf_scoped_actor", rate, 25, 12},
  goal{"AF 1", "tell/1", against::row, "caf_anon_send", rate, 0.95, 0.8},
  goal{"AF 16", "tell/16", against::row, "caf_anon_send", rate, 0.95, 0.8},
  goal{"AC", "ask_100000_in_flight/1", against::constant, "2 M/s", rate, 1, 0.5, 2e6},
  goal{"AC coroutines", "ask_100000_in_flight/1", against::constant, "2 M/s", rate, 1, 0.5, 2e6,
       "cortex_coroutines"},
  goal{"AC bytes", "bytes_in_flight/100000", against::constant, "300", bytes, 1, 0, 300},
  goal{"AC bytes, co.", "bytes_in_flight/100000", against::constant, "300", bytes, 1, 0, 300,
       "cortex_coroutines"},
  goal{"AM messages", "actor_messages/1", against::best_rival, "", rate, 0.95, 0.8},
  goal{"AM lives", "actor_lives/1", against::best_rival, "", rate, 0.95, 0.8},
  goal{"AM bytes", "bytes_per_idle_actor/10000", against::row, "caf", bytes, 1.2, 0},
  goal{"F share", "fairness/300", against::constant, "the mean", slowest_share, 0.5, 0.25, 1},
  goal{"F longest", "fairness/300", against::constant, "p50", longest_over_p50, 20, 0, 1},
  goal{"S1", "semantic_mixed/documented", against::original, "", rate, 12, 9},
  goal{"S1 documented", "semantic_mixed/documented", against::constant, "its documented 2,391/s",
       rate, 20, 0, documented_rate},
  goal{"S2", "semantic_exact/sustained", against::original, "", rate, 100, 50},
  goal{"S3", "semantic_near/sustained", against::original, "", rate, 1000, 400},
  goal{"S4", "semantic_puts/sustained", against::original, "", rate, 40, 25},
};

const row_result* find(const std::vector<row_result>& rows, std::string_view cell,
                       std::string_view contender) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const row_result& row) {
    return row.cell == cell && row.contender == contender && !row.samples.empty();
  });
  return found == rows.end() ? nullptr : &*found;
}

std::optional<double> reference_value(const goal& each, const std::vector<row_result>& rows) {
  switch (each.reference) {
    case against::best_rival: return best_rate(rows, each.cell, role::rival);
    case against::limit: return best_rate(rows, each.cell, role::limit);
    case against::row: {
      const auto* other = find(rows, each.cell, each.other);
      return other == nullptr ? std::nullopt : std::optional{each.measure(*other)};
    }
    case against::original: {
      const auto name = each.cell.substr(0, each.cell.find('/'));
      for (const auto& figure : original_figures())
        if (figure.cell == name)
          return figure.rate;
      return std::nullopt;
    }
    case against::constant: return each.figure;
  }
  return std::nullopt;
}

std::string describe(const goal& each) {
  const std::string what = each.measure == &p99                ? "p99 of "
                           : each.measure == &longest          ? "longest call of "
                           : each.measure == &longest_over_p50 ? "longest call of "
                           : each.measure == &slowest_share    ? "slowest caller of "
                                                               : "";
  const auto reference = [&]() -> std::string {
    switch (each.reference) {
      case against::best_rival: return "best rival";
      case against::limit: return "limit";
      case against::original: return "the original, Python 3.11";
      default: return std::string{each.other};
    }
  }();
  const std::string variant = each.contender == main_row ? "" : '/' + std::string{each.contender};
  return what + std::string{each.cell} + variant + " / " + reference;
}

std::string bound(double value, bool upper) {
  std::array<char, 32> text{};
  const auto end
    = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 4)
        .ptr;
  return (upper ? "<= " : ">= ") + std::string{text.data(), end};
}

goal_result judge_one(const goal& each, const std::vector<row_result>& rows) {
  const bool upper = less_is_better(each);
  goal_result result{std::string{each.id},
                     describe(each),
                     bound(each.wanted, upper),
                     each.floor > 0 ? bound(each.floor, upper) : "",
                     {},
                     verdict::not_measured};
  const auto* ours = find(rows, each.cell, each.contender);
  const auto reference = reference_value(each, rows);
  if (ours == nullptr || !reference || *reference <= 0)
    return result;
  const double ratio = each.measure(*ours) / *reference;
  const auto holds = [&](double value) { return upper ? ratio <= value : ratio >= value; };
  result.ratio = ratio;
  result.went = holds(each.wanted)                    ? verdict::reached
                : each.floor > 0 && holds(each.floor) ? verdict::floor
                                                      : verdict::missed;
  return result;
}

/// Nothing of ours lost, failed or timed out, in any row.
goal_result judge_correctness(const std::vector<row_result>& rows) {
  goal_result result{"C", "acknowledged operations lost, or failed, in our rows", "= 0", "", {},
                     {}};
  result.went = verdict::not_measured;
  double wrong = 0;
  for (const auto& row : rows) {
    if (row.kind != role::ours)
      continue;
    wrong += static_cast<double>(row.errors() + row.lost());
    result.went = wrong > 0 ? verdict::missed : verdict::reached;
  }
  if (result.went != verdict::not_measured)
    result.ratio = wrong;
  return result;
}

} // namespace

const std::vector<original_figure>& original_figures() {
  static constexpr std::string_view source
    = "its source of 2025-12-22, Python 3.11.2, 2 cores of AMD EPYC (Zen 4), median of 5 runs";
  static const std::vector<original_figure> figures = {
    {"semantic_mixed", 3'800, source}, {"semantic_puts", 3'100, source},
    {"semantic_exact", 7'400, source}, {"semantic_near", 249, source},
    {"pool_reads", 25'400, source},    {"pool_writes", 10'200, source},
  };
  return figures;
}

std::string_view to_string(verdict each) noexcept {
  switch (each) {
    case verdict::reached: return "reached";
    case verdict::floor: return "floor";
    case verdict::missed: return "missed";
    case verdict::not_measured: break;
  }
  return "not measured";
}

std::vector<goal_result> judge(const std::vector<row_result>& rows) {
  std::vector<goal_result> results;
  results.reserve(goals.size() + 1);
  for (const auto& each : goals)
    results.push_back(judge_one(each, rows));
  results.push_back(judge_correctness(rows));
  return results;
}

std::optional<double> best_rate(const std::vector<row_result>& rows, std::string_view cell,
                                role kind) {
  std::optional<double> best;
  for (const auto& row : rows)
    if (row.cell == cell && row.kind == kind && !row.samples.empty())
      best = std::max(best.value_or(0), rate(row));
  return best;
}

} // namespace cortex::bench
