// The report as text for Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/

#include "cortex/report.hpp"
#include "cortex/runtime/number_text.hpp"
#include "cortex/runtime/utf8.hpp"

#include <map>
#include <string>
#include <vector>

namespace cortex {
namespace {

using detail::number_text;
using detail::seconds;

std::string escaped(std::string_view text, bool quoted) {
  std::string out;
  for (const char c : detail::well_formed_utf8(text)) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\\' || (quoted && c == '"'))
      (out += '\\') += c;
    else
      out += c;
  }
  return out;
}

std::string_view to_text(metric_type type) {
  switch (type) {
    case metric_type::counter: return "counter";
    case metric_type::gauge: return "gauge";
    case metric_type::histogram: return "histogram";
  }
  return "untyped";
}

/// Labels of one series: `{actor="worker",le="1"}`. *Not thread-safe*.
class label_set {
public:
  label_set() = default;
  label_set(std::string_view name, std::string_view value) { add(name, value); }

  void add(std::string_view name, std::string_view value) {
    if (!name.empty())
      ((((text_ += text_.empty() ? "" : ",") += name) += "=\"") += escaped(value, true)) += '"';
  }
  [[nodiscard]] std::string text() const { return text_.empty() ? "" : "{" + text_ + "}"; }

private:
  std::string text_;
};

/// Gathers series by name, as all of a name must stand together under one HELP and TYPE.
/// *Not thread-safe*.
class exposition {
public:
  void add(const measure_list& measures, std::string_view label, std::string_view value) {
    for (const auto& each : measures) {
      label_set labels{label, value};
      labels.add(each.label, each.label_value);
      auto& lines = lines_of(each.name, each.help, to_text(each.type));
      if (const auto* durations = std::get_if<latency_summary>(&each.value))
        add_histogram(lines, each.name, labels, *durations);
      else if (const auto* count = std::get_if<std::uint64_t>(&each.value))
        add_line(lines, each.name, labels, number_text(*count));
      else
        add_line(lines, each.name, labels, number_text(std::get<double>(each.value)));
    }
  }

  void add_build_info(std::string_view version) {
    label_set labels{"version", version};
    labels.add("compiler", __VERSION__);
    add_line(lines_of("cortex_build_info", "How the library was built; always 1.", "gauge"),
             "cortex_build_info", labels, "1");
  }

  [[nodiscard]] std::string text() const {
    std::string out;
    for (const auto& lines : families_)
      out += lines;
    return out;
  }

private:
  std::string& lines_of(std::string_view name, std::string_view help, std::string_view type) {
    const auto [found, is_new] = places_.try_emplace(name, families_.size());
    if (is_new)
      families_.push_back("# HELP " + std::string{name} + " " + escaped(help, false) + "\n# TYPE "
                          + std::string{name} + " " + std::string{type} + "\n");
    return families_[found->second];
  }

  static void add_line(std::string& lines, std::string_view name, const label_set& labels,
                       std::string_view value) {
    ((((lines += name) += labels.text()) += ' ') += value) += '\n';
  }

  static void add_histogram(std::string& lines, std::string_view name, const label_set& labels,
                            const latency_summary& of) {
    const auto bucket = std::string{name} + "_bucket";
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i < of.buckets.size(); ++i) {
      so_far += of.buckets[i];
      auto with_bound = labels;
      with_bound.add("le", i < latency_summary::bounds
                             ? number_text(seconds(latency_summary::bound(i)))
                             : "+Inf");
      add_line(lines, bucket, with_bound, number_text(so_far));
    }
    add_line(lines, std::string{name} + "_sum", labels, number_text(seconds(of.sum)));
    add_line(lines, std::string{name} + "_count", labels, number_text(so_far));
  }

  std::vector<std::string> families_; // in the order in which they came up
  std::map<std::string_view, std::size_t> places_;
};

} // namespace

std::string prometheus_text(const runtime_report& report) {
  exposition out;
  out.add_build_info(report.version);
  out.add(measures_of(report), {}, {});
  for (const auto& actor : report.actors)
    out.add(measures_of(actor), "actor", actor.name);
  for (const auto& service : report.services)
    out.add(service.measures, service.label, service.name);
  return out.text();
}

} // namespace cortex
