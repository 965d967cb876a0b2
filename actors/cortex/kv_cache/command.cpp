// The command line, without a program around it.
#include "cortex/kv_cache.hpp"

#include <array>

namespace cortex::kv_cache {
namespace {

constexpr std::string_view usage_text
  = "create NAME --size TEXT [--policy lru|lfu|fifo] [--force]\n"
    "destroy NAME\n"
    "status [NAME]\n"
    "list\n";

command_result misused(const std::string& why) {
  return {2, why + "\n" + std::string{usage_text}};
}

command_result refused(const error& why) {
  return {1, "❌ " + to_string(why) + '\n'};
}

/// What follows `create`, taken apart.
struct create_line {
  configuration config;
  create_options how;
};

/// The value of `--name value` or `--name=value`; moves `at` to the last argument used.
std::optional<std::string> value_of(std::string_view name, std::span<const std::string> arguments,
                                    std::size_t& at) {
  const std::string_view here = arguments[at];
  if (here.starts_with(name) && here.substr(name.size()).starts_with('='))
    return std::string{here.substr(name.size() + 1)};
  if (here != name || at + 1 >= arguments.size())
    return std::nullopt;
  return arguments[++at];
}

expected<create_line> read_create(std::span<const std::string> arguments) {
  create_line out;
  std::optional<std::string> size;
  for (std::size_t at = 0; at < arguments.size(); ++at) {
    if (auto given = value_of("--size", arguments, at))
      size = std::move(given);
    else if (auto policy = value_of("--policy", arguments, at))
      out.config.policy = *std::move(policy);
    else if (arguments[at] == "--force")
      out.how.force = true;
    else if (arguments[at].starts_with("--") || !out.config.name.empty())
      return fail(errc::invalid_argument, "unexpected '" + arguments[at] + "'");
    else
      out.config.name = arguments[at];
  }
  if (out.config.name.empty() || !size)
    return fail(errc::invalid_argument, "create: a name and --size");
  auto bytes = parse_size(*size);
  if (!bytes)
    return unexpected{std::move(bytes).error()};
  out.config.size_bytes = *bytes;
  return out;
}

command_result create(const registry& pools, std::span<const std::string> arguments) {
  auto line = read_create(arguments);
  if (!line)
    return misused(line.error().detail);
  const auto made = pools.create(line->config, line->how);
  return made ? command_result{0, created_text(made->config)} : refused(made.error());
}

command_result destroy(const registry& pools, const std::string& name) {
  const auto done = pools.destroy(name);
  return done ? command_result{0, destroyed_text(name)} : refused(done.error());
}

// A name that is not there is an empty table, as in the original.
command_result status(const registry& pools, const std::optional<std::string>& name) {
  if (!name) {
    const auto all = pools.call(list{});
    return all ? command_result{0, status_text(*all)} : refused(all.error());
  }
  const auto one = pools.call(get{*name});
  if (!one)
    return refused(one.error());
  return {0, *one ? status_text(std::array{(*one)->config}) : status_text({})};
}

} // namespace

command_result run_command(const registry& pools, std::span<const std::string> arguments) {
  if (arguments.empty())
    return misused("no command");
  const auto& verb = arguments.front();
  const auto rest = arguments.subspan(1);
  if (verb == "create")
    return create(pools, rest);
  if (verb == "destroy" && rest.size() == 1)
    return destroy(pools, rest.front());
  if (verb == "status" && rest.size() <= 1)
    return status(pools, rest.empty() ? std::nullopt : std::optional{rest.front()});
  if (verb == "list" && rest.empty()) {
    const auto all = pools.call(list{});
    return all ? command_result{0, list_text(*all)} : refused(all.error());
  }
  return misused("unexpected '" + verb + "'");
}

} // namespace cortex::kv_cache
