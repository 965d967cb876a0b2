#include "cortex/config_manager/document.hpp"
#include "cortex/config_manager/spelling.hpp"
#include "cortex/text/python_number.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace cortex::config_manager {
namespace {

constexpr std::size_t most_warnings = 100;

const std::vector<std::string>& document_keys() {
  static const std::vector<std::string> keys{
    "cortex_version", "exported_at",          "os", "hardware", "packages",
    "preferences",    "environment_variables"};
  return keys;
}

const std::vector<std::string>& entry_keys() {
  static const std::vector<std::string> keys{"name", "version", "source"};
  return keys;
}

std::string place(const yaml_mark& mark) {
  return mark.line == 0
           ? ""
           : "line " + std::to_string(mark.line) + ", column " + std::to_string(mark.column) + ": ";
}

void check_keys(const yaml& in, const std::vector<std::string>& known,
                std::vector<std::string>& warnings) {
  for (const auto& member : *in.members()) {
    if (warnings.size() >= most_warnings)
      return;
    const auto& key = member.key;
    const auto text = python_text(key);
    if (std::find(known.begin(), known.end(), text) == known.end())
      warnings.push_back(place(key.mark()) + unknown_key(text, known));
  }
}

std::vector<std::string> warnings_for(const yaml& configuration) {
  std::vector<std::string> warnings;
  check_keys(configuration, document_keys(), warnings);
  const auto* packages = configuration.find("packages");
  if (packages == nullptr || packages->elements() == nullptr)
    return warnings;
  std::size_t number = 0;
  for (const auto& entry : *packages->elements()) {
    if (warnings.size() >= most_warnings)
      break;
    if (entry.members() != nullptr)
      check_keys(entry, entry_keys(), warnings);
    const auto* version = entry.find("version");
    if (version != nullptr
        && (version->kind() == yaml_kind::integer || version->kind() == yaml_kind::real))
      warnings.push_back(place(version->mark()) + "packages[" + std::to_string(number)
                         + "].version is a number, quote it");
    ++number;
  }
  return warnings;
}

/// The numbers of a version; nothing if a part is none.
std::optional<std::vector<std::int64_t>> numbers_of(std::string_view version) {
  std::vector<std::int64_t> numbers;
  for (;;) {
    const auto end = version.find('.');
    const auto number = text::parse_python_integer(version.substr(0, end));
    if (number.form == text::number_form::malformed)
      return std::nullopt;
    numbers.push_back(number.form == text::number_form::number ? number.value
                                                               : std::int64_t{1} << 62U);
    if (end == version.npos)
      return numbers;
    version.remove_prefix(end + 1);
  }
}

std::optional<std::string> version_problem(const yaml& version) {
  const auto* text = version.text();
  const auto wanted = text != nullptr ? numbers_of(*text) : std::nullopt;
  if (!wanted)
    return std::nullopt;
  static const auto ours = *numbers_of(own_version);
  if ((*wanted)[0] != ours[0])
    return "Incompatible major version: config=" + *text + ", current=" + std::string{own_version};
  if (wanted->size() > 1 && (*wanted)[1] > ours[1])
    return "Configuration requires newer Cortex version: " + *text + " > "
           + std::string{own_version};
  return std::nullopt;
}

/// Older exports say the version twice, in place of the name: `12-12` for `debian-12`.
bool is_old_text_of(std::string_view text, std::string_view os) noexcept {
  if (text.size() % 2 == 0)
    return false;
  const auto half = text.substr(0, text.size() / 2);
  const auto rest = text.substr(half.size());
  return !half.empty() && rest.front() == '-' && rest.substr(1) == half && os.ends_with(rest);
}

} // namespace

validation check_configuration(const yaml& configuration, std::string_view current_os) {
  validation out;
  if (configuration.members() == nullptr) {
    out.reason = "configuration is not a mapping";
    return out;
  }
  out.warnings = warnings_for(configuration);
  for (const char* name : {"cortex_version", "os", "packages"})
    if (configuration.find(name) == nullptr) {
      out.reason = std::string{"Missing "} + name + " field in configuration";
      return out;
    }
  out.reason = version_problem(*configuration.find("cortex_version"));
  if (out.reason)
    return out;
  out.ok = true;
  const auto os = python_text(*configuration.find("os"));
  if (os != current_os && os != "unknown" && current_os != "unknown"
      && !is_old_text_of(os, current_os))
    out.reason = "Warning: OS mismatch (config=" + os + ", current=" + std::string{current_os}
                 + "). Proceed with caution.";
  return out;
}

expected<sections> read_sections(const std::optional<std::vector<std::string>>& names) {
  if (!names)
    return sections{};
  sections out{false, false};
  for (const auto& name : *names) {
    if (name == "packages")
      out.packages = true;
    else if (name == "preferences")
      out.preferences = true;
    else
      return fail(errc::invalid_argument, "unknown section: " + name);
  }
  return out;
}

} // namespace cortex::config_manager
