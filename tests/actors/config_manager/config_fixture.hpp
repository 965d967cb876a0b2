// A configuration opened in a fresh folder, on a machine that is made up.
#pragma once

#include "cortex/config_manager.hpp"

#include "support/catch_compat.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace cortex::testing {

namespace cm = cortex::config_manager;

using variables = std::vector<std::pair<std::string, std::string>>;

inline void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream{path, std::ios::binary} << text;
}

inline std::optional<std::string> read_file(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  if (!in)
    return std::nullopt;
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

inline unsigned mode_of(const std::filesystem::path& path) {
  struct stat about {};
  REQUIRE(::stat(path.c_str(), &about) == 0);
  return about.st_mode & 07777U;
}

/// The same value; integers and reals apart, timestamps as texts.
inline nlohmann::json to_json(const yaml& what) {
  if (const auto* elements = what.elements()) {
    auto out = nlohmann::json::array();
    for (const auto& each : *elements)
      out.push_back(to_json(each));
    return out;
  }
  if (const auto* members = what.members()) {
    auto out = nlohmann::json::object();
    for (const auto& [key, value] : *members)
      out[key.source()] = to_json(value);
    return out;
  }
  if (what.is_null())
    return nullptr;
  if (const auto truth = what.as_bool())
    return *truth;
  if (const auto number = what.as_int64())
    return *number;
  if (what.kind() == yaml_kind::real)
    return *what.as_double();
  return what.source();
}

inline yaml from_json(const nlohmann::json& what) {
  switch (what.type()) {
    case nlohmann::json::value_t::boolean: return what.get<bool>();
    case nlohmann::json::value_t::number_integer:
    case nlohmann::json::value_t::number_unsigned: return what.get<std::int64_t>();
    case nlohmann::json::value_t::number_float: return what.get<double>();
    case nlohmann::json::value_t::string: return what.get<std::string>();
    case nlohmann::json::value_t::array: {
      auto out = yaml::sequence();
      for (const auto& each : what)
        out.push_back(from_json(each));
      return out;
    }
    case nlohmann::json::value_t::object: {
      auto out = yaml::mapping();
      for (const auto& [key, value] : what.items())
        out.set(key, from_json(value));
      return out;
    }
    default: return nullptr;
  }
}

inline yaml parsed(const std::string& text) {
  auto document = yaml::parse(text);
  INFO(text);
  REQUIRE(document);
  return std::move(document->root);
}

/// Answers commands, and remembers them. Thread-safe.
class fake_machine {
public:
  using words = std::vector<std::string>;

  /// What a command that is not listed gives.
  enum class otherwise { not_found, success };

  void answer(words command, expected<process_result> with) {
    answers_.insert_or_assign(std::move(command), std::move(with));
  }
  /// The entries of a vector: `argv`, `rc`, `stdout`, `stderr`, `error`.
  void answer(const nlohmann::json& entries) {
    for (const auto& each : entries) {
      auto result = expected<process_result>{process_result{each.at("rc").get<int>(), 0,
                                                            each.at("stdout").get<std::string>(),
                                                            each.at("stderr").get<std::string>()}};
      if (each.contains("error"))
        result = each.at("error") == "timeout" ? fail(errc::timeout) : fail(errc::not_found);
      answer(each.at("argv").get<words>(), std::move(result));
    }
  }
  /// What is installed: the answers to the three questions.
  void install(const std::vector<cm::package>& packages) {
    std::string apt;
    auto pip = nlohmann::json::array();
    auto npm = nlohmann::json::object();
    for (const auto& [name, version, source] : packages)
      if (source == "apt")
        apt += name + '\t' + version + '\n';
      else if (source == "pip")
        pip.push_back({{"name", name}, {"version", version}});
      else
        npm[name] = {{"version", version}};
    answer(words{"dpkg-query", "-W", "-f=${Package}\t${Version}\n"}, process_result{0, 0, apt});
    answer(words{"pip3", "list", "--format=json"}, process_result{0, 0, pip.dump()});
    answer(words{"npm", "list", "-g", "--depth=0", "--json"},
           process_result{0, 0, nlohmann::json{{"dependencies", npm}}.dump()});
  }

  expected<process_result> run(const process_command& what) {
    const std::lock_guard guard{mutex_};
    calls_.push_back(what.arguments);
    limits_.push_back(what.timeout);
    const auto at = answers_.find(what.arguments);
    if (at != answers_.end())
      return at->second;
    if (unlisted == otherwise::success)
      return process_result{};
    return fail(errc::not_found, "no such program");
  }

  /// Without the questions what is installed.
  [[nodiscard]] std::vector<words> installs() const {
    std::vector<words> out;
    for (const auto& each : calls())
      if (each.size() > 1 && each[0] != "dpkg-query" && each[1] != "list")
        out.push_back(each);
    return out;
  }
  [[nodiscard]] std::vector<words> calls() const {
    const std::lock_guard guard{mutex_};
    return calls_;
  }
  [[nodiscard]] std::vector<std::chrono::milliseconds> limits() const {
    const std::lock_guard guard{mutex_};
    return limits_;
  }

  otherwise unlisted = otherwise::not_found;

private:
  std::map<words, expected<process_result>> answers_;
  mutable std::mutex mutex_;
  std::vector<words> calls_;                      // guarded by mutex_
  std::vector<std::chrono::milliseconds> limits_; // guarded by mutex_
};

/// Not thread-safe, but for the configuration itself.
struct config_fixture {
  config_fixture() {
    runtime_options how;
    how.wall = &wall;
    rt.emplace(runtime::open(how).value());
  }

  [[nodiscard]] cm::options options() {
    cm::options wanted;
    wanted.path = file();
    wanted.os_release = (folder / "os-release").string();
    wanted.system_file = (folder / "system.yaml").string();
    wanted.environment.emplace();
    wanted.runner = [this](const process_command& what) { return machine.run(what); };
    wanted.watch = false;
    return wanted;
  }
  [[nodiscard]] std::string file() const { return (folder / "preferences.yaml").string(); }
  [[nodiscard]] cm::manager open(const cm::options& wanted) const {
    auto opened = cm::open(*rt, wanted);
    INFO((opened ? std::string{} : to_string(opened.error())));
    REQUIRE(opened);
    return *std::move(opened);
  }
  [[nodiscard]] cm::manager open() { return open(options()); }
  void os_release(const std::string& text) const { write_file(folder / "os-release", text); }

  temp_dir folder;
  manual_wall_clock wall{wall_time{std::chrono::seconds{1'766'397'600}}};
  fake_machine machine;
  std::optional<runtime> rt;
};

/// The value of a call that must succeed.
template <class T>
T good(expected<T> answer) {
  INFO((answer ? std::string{} : to_string(answer.error())));
  REQUIRE(answer);
  return *std::move(answer);
}

inline cm::update_preferences set_key(const std::string& dotted, yaml value) {
  return {{{cm::parse_key(dotted), std::move(value)}}};
}

} // namespace cortex::testing
