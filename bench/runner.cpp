#include "runner.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace cortex::bench {
namespace {

using seconds = std::chrono::duration<double>;

/// Shares the time limit out. A repetition costs its window and what is around it: copying and
/// opening files, starting threads, counting rows.
class pace {
public:
  pace(const std::vector<cell>& cells, const run_options& options) : options_(options) {
    for (const auto& each : cells)
      add(each, 1);
  }

  /// The window of the next repetition of `what`.
  [[nodiscard]] seconds window(const cell& what) const {
    const double fixed = options_.seconds;
    if (what.quota != 0) // far more than a quota should take: a slow design is cut, not waited for
      return seconds{fixed > 0 ? std::max(4 * fixed, 1.0) : longest_quota()};
    if (fixed > 0)
      return seconds{fixed * what.window_factor};
    const double spent = seconds{bench_clock::now() - start_}.count();
    const double left = options_.limit_seconds - spent - around_ * correction_ - quotas_;
    return seconds{std::clamp(left / std::max(timed_, 1.0), 0.05, 0.5) * what.window_factor};
  }

  /// Takes a repetition off the plan.
  void finished(const cell& what, const sample& measured, seconds total) {
    const double guessed = around(what);
    const double actual = total.count() - measured.seconds;
    add(what, -1.0 / options_.repetitions / static_cast<double>(what.contenders.size()));
    correction_ += 0.05 * (std::max(actual, 0.0) / guessed - correction_);
  }

private:
  /// A first guess in seconds, for all but the window; corrected as the run goes on.
  static double around(const cell& what) { return 0.03 + 0.0001 * what.threads; }

  [[nodiscard]] double longest_quota() const { return options_.limit_seconds / 300; }

  void add(const cell& what, double share) {
    const double repetitions = share * options_.repetitions
                               * static_cast<double>(what.contenders.size());
    around_ += repetitions * around(what);
    if (what.quota == 0)
      timed_ += repetitions * what.window_factor;
    else
      quotas_ += repetitions
                 * std::min(longest_quota(), static_cast<double>(what.quota * what.threads) / 8000);
  }

  const run_options& options_;
  bench_clock::time_point start_ = bench_clock::now();
  double timed_ = 0;  // repetitions with a window to come
  double around_ = 0; // seconds guessed for what is around all repetitions to come
  double quotas_ = 0; // seconds guessed for repetitions with a quota
  double correction_ = 1;
};

/// A directory that is empty at first and gone at the end.
class scratch {
public:
  explicit scratch(std::filesystem::path path) : path_(std::move(path)) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  ~scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

/// Above this, a window's ends are too uncertain for a rate: the machine did not let the thread
/// that keeps the time run. It says nothing about the design, so the repetition is done again.
constexpr double most_blur_ratio = 0.02;
constexpr int most_attempts = 3;

sample run_once(const cell& what, const contender& who, unsigned repetition,
                const run_options& options, std::chrono::duration<double> window) {
  const scratch directory{options.directory / "repetition"};
  gate shared{what.threads};
  return measure(what, who, {directory.path(), what.threads, repetition, &shared}, window, shared);
}

sample run_repetition(const cell& what, const contender& who, unsigned repetition,
                      const run_options& options, pace& plan) {
  const auto begin = bench_clock::now();
  sample result;
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    const auto again = run_once(what, who, repetition, options, plan.window(what));
    // What went wrong in a discarded attempt went wrong all the same.
    const auto errors = result.errors + again.errors;
    const auto lost = result.lost + again.lost;
    result = again;
    result.errors = errors;
    result.lost = lost;
    if (result.blur_ratio <= most_blur_ratio)
      break;
  }
  plan.finished(what, result, bench_clock::now() - begin);
  return result;
}

std::vector<row_result> empty_rows(const cell& what) {
  std::vector<row_result> rows;
  for (const auto& who : what.contenders)
    rows.push_back({row_name(what, who), what.name, who.name, who.kind, what.threads, {}});
  return rows;
}

} // namespace

double median_of(std::vector<double> values) {
  if (values.empty())
    return 0;
  std::sort(values.begin(), values.end());
  const auto half = values.size() / 2;
  return values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::vector<figure> row_result::figures() const {
  auto result = samples.empty() ? std::vector<figure>{} : samples.front().figures;
  for (std::size_t i = 0; i < result.size(); ++i) {
    std::vector<double> values;
    for (const auto& each : samples)
      values.push_back(each.figures[i].value);
    result[i].value = median_of(std::move(values));
  }
  return result;
}

double row_result::lowest_rate() const {
  double lowest = samples.empty() ? 0 : samples.front().rate;
  for (const auto& each : samples)
    lowest = std::min(lowest, each.rate);
  return lowest;
}

double row_result::highest_rate() const {
  double highest = 0;
  for (const auto& each : samples)
    highest = std::max(highest, each.rate);
  return highest;
}

std::uint64_t row_result::errors() const {
  std::uint64_t total = 0;
  for (const auto& each : samples)
    total += each.errors;
  return total;
}

std::uint64_t row_result::lost() const {
  std::uint64_t total = 0;
  for (const auto& each : samples)
    total += each.lost;
  return total;
}

bool matches(std::string_view pattern, std::string_view text) {
  if (pattern.find_first_of("*?[") == std::string_view::npos)
    return text.find(pattern) != std::string_view::npos;
  return fnmatch(std::string{pattern}.c_str(), std::string{text}.c_str(), 0) == 0;
}

std::string row_name(const cell& where, const contender& who) {
  return where.name + '/' + who.name;
}

bool is_wanted(std::string_view name, const run_options& options) {
  return (options.only.empty() || matches(options.only, name))
         && (options.without.empty() || !matches(options.without, name));
}

std::vector<cell> choose(std::vector<cell> cells, const run_options& options) {
  constexpr unsigned crowd = 1000; // threads that take longer to start than to measure
  if (options.coarse)
    std::erase_if(cells, [](const cell& each) {
      return each.threads >= crowd || matches("/tenfold", each.name);
    });
  for (auto& each : cells)
    std::erase_if(each.contenders,
                  [&](const contender& who) { return !is_wanted(row_name(each, who), options); });
  std::erase_if(cells, [](const cell& each) { return each.contenders.empty(); });
  return cells;
}

std::vector<row_result> run(const std::vector<cell>& cells, const run_options& options,
                            const std::function<void(const std::string&)>& progress,
                            const std::function<void(const std::vector<row_result>&)>& finished) {
  pace plan{cells, options};
  std::vector<row_result> all;
  std::size_t number = 0;
  for (const auto& what : cells) {
    ++number;
    auto rows = empty_rows(what);
    for (unsigned repetition = 0; repetition < options.repetitions; ++repetition) {
      progress('[' + std::to_string(number) + '/' + std::to_string(cells.size()) + "] " + what.name
               + ", repetition " + std::to_string(repetition + 1));
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto turn = (i + repetition) % rows.size(); // nobody is always the first
        rows[turn].samples.push_back(
          run_repetition(what, what.contenders[turn], repetition, options, plan));
      }
    }
    finished(rows);
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

} // namespace cortex::bench
