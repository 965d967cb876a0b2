/// What a runtime says of itself at one instant: actors, services and slow requests as plain
/// structs, as JSON, and as text for Prometheus.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/error.hpp"
#include "cortex/metrics.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace cortex {

/// The version of the library: `"0.1.0"`.
[[nodiscard]] std::string_view version() noexcept;

/// How a number behaves.
enum class metric_type : std::uint8_t {
  counter,   ///< Only grows while its owner lives.
  gauge,     ///< Goes up and down.
  histogram, ///< Durations, in seconds.
};

/// A number and what it means. The texts are literals.
struct measure {
  metric_type type = metric_type::gauge;
  std::string_view name; ///< As Prometheus wants it: `cortex_database_commits_total`.
  std::string_view help; ///< One sentence.
  std::variant<std::uint64_t, double, latency_summary> value;
  /// What tells it from others of its name: `lane` and `bulk`; empty if there are no others.
  std::string_view label;
  std::string_view label_value;
};

/// Collects what one part of a runtime measures. *Not thread-safe*.
class measure_list {
public:
  struct label {
    std::string_view name;
    std::string_view value;
  };

  /// `name` ends in `_total`.
  void counter(std::string_view name, std::string_view help, std::uint64_t value, label of = {});
  /// The same for a sum of durations: `name` ends in `_seconds_total`.
  void counter(std::string_view name, std::string_view help, std::chrono::nanoseconds value,
               label of = {});
  void gauge(std::string_view name, std::string_view help, std::uint64_t value, label of = {});
  /// `name` ends in `_seconds`.
  void gauge(std::string_view name, std::string_view help, std::chrono::nanoseconds value,
             label of = {});
  /// `name` ends in `_seconds`.
  void histogram(std::string_view name, std::string_view help, const latency_summary& value);

  [[nodiscard]] auto begin() const noexcept { return all_.begin(); }
  [[nodiscard]] auto end() const noexcept { return all_.end(); }

private:
  std::vector<measure> all_;
};

/// Something that is no number, or one of many: a text, an age in seconds, a flag.
struct detail_value {
  std::string name;
  std::variant<std::string, std::uint64_t, double, bool> value;
};

/// A service at one instant, in values that name themselves. What is in `details` and `lists` is in
/// the JSON text only.
struct service_report {
  std::string kind; ///< `database`; its measures begin with `cortex_database_`.
  std::string name; ///< Which one. Becomes the label `label` of its measures.
  std::string_view label = "name";
  measure_list measures;
  std::vector<detail_value> details;
  struct list {
    std::string name;
    std::vector<std::vector<detail_value>> rows;
  };
  std::vector<list> lists;
};

/// What each stage of a request's way took, by `stage`; zero where it did not pass.
struct stage_times {
  std::array<std::chrono::nanoseconds, stage_count> by_stage{};

  [[nodiscard]] std::chrono::nanoseconds& operator[](stage where) noexcept {
    return by_stage[static_cast<std::size_t>(where)];
  }
  [[nodiscard]] std::chrono::nanoseconds operator[](stage where) const noexcept {
    return by_stage[static_cast<std::size_t>(where)];
  }
};

/// A request, write or read that took longer than `runtime_options::slow_request`. What was asked
/// is told by its type alone: no text or value of a request is kept.
struct slow_request {
  std::uint64_t number = 0; ///< Counts the slow requests of the runtime, from 1.
  wall_time at{};           ///< When it was over.
  std::string part;         ///< Who served it: an actor's name or a database's path.
  std::string what;         ///< The type of the request, `write`, `read` or a read's owner.
  /// For a write or read that a handler asked for: the request that the handler was at work for, as
  /// `notebook/add_note`.
  std::string cause;
  std::chrono::nanoseconds total{0};
  stage_times stages; ///< They make up the total.
};

/// One line for people: `'notebook' add_note took 1.2 s: mailbox 1.1 s, handler 0.1 s`.
[[nodiscard]] std::string to_string(const slow_request& slow);

/// A runtime at one instant. Its parts are looked at one after the other while they go on.
struct runtime_report {
  std::string version; ///< Of the library.
  wall_time at{};
  std::chrono::nanoseconds uptime{0};
  bool accepting = false;                  ///< False once `stop` has begun.
  std::uint64_t workers = 0;               ///< Threads for actors.
  std::uint64_t continuations_waiting = 0; ///< About, as the queue is in motion.
  std::chrono::nanoseconds slow_threshold{0};
  std::uint64_t slow_total = 0;         ///< Slow requests so far, those dropped from `slow` too.
  std::vector<actor_metrics> actors;    ///< By name.
  std::vector<service_report> services; ///< In the order in which they were opened.
  std::vector<slow_request> slow;       ///< The newest, oldest first.
};

/// An actor's numbers with their names.
[[nodiscard]] measure_list measures_of(const actor_metrics& actor);
/// The runtime's own.
[[nodiscard]] measure_list measures_of(const runtime_report& report);

/// One JSON object, in UTF-8; other bytes become U+FFFD. Members are named as the metrics are,
/// without `cortex_actor_` and the like; durations are in seconds. Described in
/// docs/observability.md.
[[nodiscard]] std::string to_json(const runtime_report& report);

/// The text that Prometheus reads, version 0.0.4. All numbers of the report; no detail, no list, no
/// slow request but their count.
[[nodiscard]] std::string prometheus_text(const runtime_report& report);
/// How an HTTP server announces it.
inline constexpr std::string_view prometheus_content_type = "text/plain; version=0.0.4";

} // namespace cortex
