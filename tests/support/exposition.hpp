/// Reads the text that Prometheus reads, strictly: whatever its documentation does not allow
/// throws.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::testing {

/// One line with a value.
struct series {
  std::string name;                          ///< With `_bucket` and the like.
  std::map<std::string, std::string> labels; ///< Unescaped.
  double value = 0;
};

/// All of one name.
struct metric_family {
  std::string name;
  std::string help; ///< Unescaped.
  std::string type;
  std::vector<series> all;
};

/// A text in version 0.0.4.
class exposition {
public:
  /// Throws `std::runtime_error` naming the line: a family in two places, no HELP or TYPE in front,
  /// names and labels that are none, two equal series, a counter without `_total`, a histogram
  /// whose buckets are out of order, shrink, or do not end in `+Inf` and the count.
  explicit exposition(std::string_view text);

  [[nodiscard]] const std::vector<metric_family>& families() const noexcept { return families_; }
  /// Throws if there is none.
  [[nodiscard]] const metric_family& family(std::string_view name) const;
  /// The value of the series with exactly these labels. Throws if there is none.
  [[nodiscard]] double value(std::string_view name,
                             const std::map<std::string, std::string>& labels = {}) const;

private:
  std::vector<metric_family> families_;
};

/// Name, type and meaning of each metric in docs/observability.md.
[[nodiscard]] std::set<std::vector<std::string>> documented_metrics();

} // namespace cortex::testing
