// The report as JSON.

#include "cortex/report.hpp"
#include "cortex/runtime/json_writer.hpp"

#include <string>

namespace cortex {
namespace {

using detail::json_writer;
using detail::seconds;

void write(json_writer& to, const latency_summary& of) {
  to.begin_object();
  to.member("count").value(of.count);
  to.member("sum").value(seconds(of.sum));
  to.member("mean").value(seconds(of.mean));
  to.member("p50").value(seconds(of.p50));
  to.member("p99").value(seconds(of.p99));
  to.member("max").value(seconds(of.max));
  to.end_object();
}

template <class... Ts>
void write(json_writer& to, const std::variant<Ts...>& any) {
  std::visit(
    [&](const auto& value) {
      if constexpr (std::is_same_v<std::decay_t<decltype(value)>, latency_summary>)
        write(to, value);
      else
        to.value(value);
    },
    any);
}

// Members without the prefix that all of them share; those with a label one level deeper.
void write_members(json_writer& to, const measure_list& measures, std::string_view prefix) {
  std::string_view open;
  for (const auto& each : measures) {
    if (!open.empty() && open != each.name) {
      to.end_object();
      open = {};
    }
    if (each.name == "cortex_actor_state")
      continue; // told by its name
    auto name = each.name;
    if (name.starts_with(prefix))
      name.remove_prefix(prefix.size());
    if (each.label.empty()) {
      write(to.member(name), each.value);
      continue;
    }
    if (open.empty()) {
      to.member(name).begin_object();
      open = each.name;
    }
    write(to.member(each.label_value), each.value);
  }
  if (!open.empty())
    to.end_object();
}

void write_members(json_writer& to, const std::vector<detail_value>& values) {
  for (const auto& each : values)
    write(to.member(each.name), each.value);
}

void write(json_writer& to, const actor_metrics& actor) {
  to.begin_object();
  to.member("name").value(actor.name);
  to.member("state").value(to_string(actor.state));
  to.member("why").value(actor.why);
  write_members(to, measures_of(actor), "cortex_actor_");
  to.end_object();
}

void write(json_writer& to, const service_report& service) {
  to.begin_object();
  to.member("kind").value(service.kind);
  to.member("name").value(service.name);
  write_members(to, service.measures, "cortex_" + service.kind + "_");
  write_members(to, service.details);
  for (const auto& list : service.lists) {
    to.member(list.name).begin_array();
    for (const auto& row : list.rows) {
      to.begin_object();
      write_members(to, row);
      to.end_object();
    }
    to.end_array();
  }
  to.end_object();
}

double unix_time(wall_time at) {
  return seconds(at.time_since_epoch());
}

void write(json_writer& to, const slow_request& slow) {
  to.begin_object();
  to.member("number").value(slow.number);
  to.member("at").value(unix_time(slow.at));
  to.member("part").value(slow.part);
  to.member("what").value(slow.what);
  to.member("cause").value(slow.cause);
  to.member("total_seconds").value(seconds(slow.total));
  to.member("stages_seconds").begin_object();
  for (std::size_t i = 0; i < stage_count; ++i)
    if (slow.stages.by_stage[i].count() != 0)
      to.member(to_string(static_cast<stage>(i))).value(seconds(slow.stages.by_stage[i]));
  to.end_object();
  to.end_object();
}

template <class T>
void write_list(json_writer& to, std::string_view name, const std::vector<T>& all) {
  to.member(name).begin_array();
  for (const auto& each : all)
    write(to, each);
  to.end_array();
}

} // namespace

std::string to_json(const runtime_report& report) {
  json_writer out;
  out.begin_object();
  out.member("version").value(report.version);
  out.member("at").value(unix_time(report.at));
  write_members(out, measures_of(report), "cortex_runtime_");
  write_list(out, "actors", report.actors);
  write_list(out, "services", report.services);
  write_list(out, "slow_requests", report.slow);
  out.end_object();
  return std::move(out).text();
}

} // namespace cortex
