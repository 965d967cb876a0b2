#include "cortex/accelerator_limits.hpp"
#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <system_error>

namespace cortex::accelerator_limits {
namespace {

// Widths of the original's table.
constexpr std::size_t name_width = 20;
constexpr std::size_t preset_width = 12;
constexpr std::size_t cpu_width = 8;
constexpr std::size_t memory_width = 10;
constexpr std::size_t gpus_width = 10;
constexpr std::size_t rule_width = 65;
constexpr std::string_view behind_number = "     ";

/// The text without what would move a terminal's cursor, and its width in characters.
std::pair<std::string, std::size_t> printable(std::string_view text) {
  std::string out;
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size(); ++width) {
    const auto next = text::decode(text, at);
    const bool control = next.code_point < 0x20
                         || (next.code_point >= 0x7f && next.code_point < 0xa0) || !next.valid;
    if (control)
      out += '?';
    else
      out += text.substr(at, next.length);
    at += next.length;
  }
  return {std::move(out), width};
}

void append_padded(std::string& out, std::string_view text, std::size_t width) {
  const auto [shown, length] = printable(text);
  out += shown;
  if (length < width)
    out.append(width - length, ' ');
}

/// Rounded half to even.
std::string fixed(double number, int decimals) {
  std::array<char, 400> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number,
                                 std::chars_format::fixed, decimals)
                     .ptr;
  return {text.data(), end};
}

std::string cpus(const cpu_percent& percent) {
  auto shown = fixed(value_of(percent) / 100, 1);
  if (shown.ends_with(".0"))
    shown.resize(shown.size() - 2);
  return shown;
}

std::string joined(const std::vector<std::int64_t>& ids) {
  std::string out;
  for (const auto id : ids)
    out += (out.empty() ? "" : ",") + std::to_string(id);
  return out;
}

/// As Python's `shlex.quote`.
std::string quoted(const std::string& text) {
  constexpr std::string_view harmless = "@%+=:,./-_";
  const auto plain = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || harmless.find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::ranges::all_of(text, plain))
    return text;
  std::string out = "'";
  for (const char c : text)
    if (c == '\'')
      out += "'\"'\"'";
    else
      out += c;
  return out + "'";
}

/// What one unit is in bytes; 0 for what is none.
std::int64_t unit_bytes(std::string_view unit) {
  if (unit.empty() || unit == "b")
    return 1;
  constexpr std::string_view steps = "kmgt";
  const auto step = steps.find(unit.front());
  const auto rest = unit.substr(1);
  if (step == std::string_view::npos || (rest != "b" && rest != "ib"))
    return 0;
  std::int64_t bytes = 1;
  for (std::size_t i = 0; i <= step; ++i)
    bytes *= rest == "ib" ? 1024 : 1000;
  return bytes;
}

} // namespace

expected<std::int64_t> parse_bytes(std::string_view text) {
  const auto refused = [text](const char* why) {
    return fail(errc::invalid_argument,
                "'" + std::string{text} + "' is no number of bytes: " + why);
  };
  std::int64_t count = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), count);
  if (result.ec == std::errc::result_out_of_range)
    return refused("too large");
  if (result.ec != std::errc{} || count < 0)
    return refused("digits were expected");
  auto unit = text.substr(static_cast<std::size_t>(result.ptr - text.data()));
  unit.remove_prefix(std::min(unit.find_first_not_of(' '), unit.size()));
  const auto bytes = unit_bytes(text::to_lower(unit));
  if (bytes == 0)
    return refused("units are B, kB, MB, GB, TB, KiB, MiB, GiB and TiB");
  if (count > std::numeric_limits<std::int64_t>::max() / bytes)
    return refused("too large");
  return count * bytes;
}

environment environment_of(const profile& what, bool with_share) {
  environment out;
  out.variables.emplace_back("CUDA_VISIBLE_DEVICES", joined(what.gpu_ids));
  out.hides_all_gpus = what.gpu_ids.empty();
  if (with_share && what.gpu_share && !what.gpu_ids.empty())
    out.variables.emplace_back("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE",
                               std::to_string(*what.gpu_share));
  return out;
}

std::string export_text(const environment& what) {
  std::string out;
  for (const auto& [key, value] : what.variables)
    out += "export " + key + "=" + quoted(value) + "\n";
  return out;
}

std::string status_text(const std::vector<profile>& profiles) {
  std::string out = "\n";
  const auto line = [&out](std::string_view name, std::string_view preset, std::string_view cpu,
                           std::string_view memory, std::string_view gpus) {
    append_padded(out, name, name_width);
    out += ' ';
    append_padded(out, preset, preset_width);
    out += ' ';
    out += cpu;
    out += ' ';
    out += memory;
    out += ' ';
    append_padded(out, gpus, gpus_width);
    out += '\n';
  };
  const auto heading = [](std::string text, std::size_t width) {
    text.resize(width, ' ');
    return text;
  };

  line("NAME", "PRESET", heading("CPU", cpu_width), heading("MEMORY", memory_width), "GPUS");
  out.append(rule_width, '-');
  out += '\n';
  for (const auto& each : profiles) {
    constexpr double gigabyte = 1e9;
    const auto memory = fixed(static_cast<double>(each.memory_max) / gigabyte, 0);
    line(each.name, each.preset, cpus(each.cpu_quota) + std::string{behind_number},
         memory + "G" + std::string{behind_number},
         each.gpu_ids.empty() ? "-" : joined(each.gpu_ids));
  }
  return out;
}

} // namespace cortex::accelerator_limits
