#include "report.hpp"

#include <nlohmann/json.hpp>

namespace cortex::bench {
namespace {

using nlohmann::json;

constexpr int schema_version = 1;

std::string_view to_string(role each) {
  switch (each) {
    case role::ours: return "ours";
    case role::rival: return "rival";
    case role::limit: break;
  }
  return "limit";
}

json to_json(const std::vector<figure>& figures) {
  auto made = json::object();
  for (const auto& each : figures)
    made[each.name] = each.value;
  return made;
}

json to_json(const sample& each) {
  return {{"seconds", each.seconds},
          {"operations", each.operations},
          {"rate", each.rate},
          {"p50_ns", each.p50},
          {"p99_ns", each.p99},
          {"longest_ns", each.longest},
          {"errors", each.errors},
          {"lost", each.lost},
          {"cpu_cores", each.cpu_cores},
          {"foreign_cores", each.foreign_cores},
          {"slowest_thread_ratio", each.slowest_share},
          {"beside_rate", each.beside_rate},
          {"figures", to_json(each.figures)},
          {"cut_by_time_limit", each.cut},
          {"blur_ratio", each.blur_ratio},
          {"first_error", each.problem}};
}

json to_json(const row_result& row, const std::vector<row_result>& rows) {
  json made{{"name", row.name},
            {"cell", row.cell},
            {"contender", row.contender},
            {"role", to_string(row.kind)},
            {"threads", row.threads},
            {"unit", row.unit},
            {"median", row.median(&sample::rate)},
            {"min", row.lowest_rate()},
            {"max", row.highest_rate()},
            {"p50_ns", row.median(&sample::p50)},
            {"p99_ns", row.median(&sample::p99)},
            {"longest_ns", row.median(&sample::longest)},
            {"slowest_thread_ratio", row.median(&sample::slowest_share)},
            {"beside_rate", row.median(&sample::beside_rate)},
            {"figures", to_json(row.figures())},
            {"errors", row.errors()},
            {"lost", row.lost()},
            {"samples", json::array()}};
  if (const auto best = best_rate(rows, row.cell, role::rival); best && *best > 0)
    made["vs_best_rival"] = row.median(&sample::rate) / *best;
  if (const auto limit = best_rate(rows, row.cell, role::limit); limit && *limit > 0)
    made["vs_limit"] = row.median(&sample::rate) / *limit;
  for (const auto& each : row.samples)
    made["samples"].push_back(to_json(each));
  return made;
}

json to_json(const goal_result& each) {
  json made{{"id", each.id},
            {"what", each.what},
            {"wanted", each.wanted},
            {"floor", each.floor},
            {"verdict", to_string(each.went)}};
  made["here"] = each.ratio ? json(*each.ratio) : json(nullptr);
  return made;
}

} // namespace

void write_json(std::ostream& out, const run_report& report) {
  json document{
    {"schema_version", schema_version},
    {"machine", {{"processor", report.where.processor}, {"cores", report.where.cores}}},
    {"compiler", report.with.compiler},
    {"build_type", report.with.build_type},
    {"versions",
     {{"cortex", report.with.cortex}, {"sqlite", report.with.sqlite}, {"caf", report.with.caf}}},
    {"repetitions", report.options.repetitions},
    {"seconds", report.options.seconds},
    {"rows", json::array()},
    {"goals", json::array()},
    {"original", json::array()}};
  for (const auto& row : report.rows)
    document["rows"].push_back(to_json(row, report.rows));
  for (const auto& each : report.goals)
    document["goals"].push_back(to_json(each));
  for (const auto& figure : original_figures())
    document["original"].push_back(
      {{"test", figure.cell}, {"rate", figure.rate}, {"source", figure.source}});
  out << document.dump(2) << '\n';
}

} // namespace cortex::bench
