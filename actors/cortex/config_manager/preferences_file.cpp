#include "cortex/config_manager/preferences_file.hpp"

#include "cortex/config_manager/files.hpp"
#include "cortex/text/atomic_file.hpp"

#include <utility>

namespace cortex::config_manager {

bool is_nothing(const yaml& document) noexcept {
  switch (document.kind()) {
    case yaml_kind::null: return true;
    case yaml_kind::boolean: return document.as_bool() == false;
    case yaml_kind::integer: return document.as_int64() == 0;
    case yaml_kind::real: return document.as_double() == 0.0;
    case yaml_kind::string: return document.text()->empty();
    case yaml_kind::sequence:
    case yaml_kind::mapping: return document.size() == 0;
    case yaml_kind::binary: return document.source().empty();
    case yaml_kind::timestamp: return false;
  }
  return false;
}

expected<bool> preferences_file::read() {
  auto bytes = read_whole(path_, how_.limits.max_bytes);
  if (bytes) {
    const bool other = bytes_ != *bytes;
    if (other)
      take_in(*std::move(bytes));
    return other;
  }
  const auto& why = bytes.error();
  if (why != errc::not_found && why != errc::corrupt) {
    bytes_.reset();
    return unexpected{why};
  }
  // Missing; or too long, or no file at all.
  const auto problem = why == errc::corrupt ? std::optional{why} : std::nullopt;
  const bool other = bytes_.has_value() || problem != damage_;
  bytes_.reset();
  document_ = {yaml::mapping()};
  damage_ = problem;
  return other;
}

void preferences_file::take_in(std::string bytes) {
  auto parsed = yaml::parse(bytes, how_);
  bytes_ = std::move(bytes);
  if (!parsed) {
    document_ = {yaml::mapping()};
    note_damage(parsed.error());
    return;
  }
  document_ = *std::move(parsed);
  if (is_nothing(document_.root))
    document_.root = yaml::mapping();
  damage_.reset();
}

void preferences_file::note_damage(const error& why) {
  auto text = "'" + path_ + "' is damaged: " + why.detail;
  if (keeps_damaged_) {
    const auto kept = keep_beside(path_, *bytes_);
    text += kept ? "; a copy is in '" + *kept + "'"
                 : "; no copy could be kept: " + to_string(kept.error());
  }
  damage_ = error{errc::corrupt, std::move(text)};
}

expected<void> preferences_file::write(const yaml& root) {
  auto text = root.dump();
  if (!text)
    return unexpected{std::move(text).error()};
  // What is written must be readable: the limits on size and depth hold for both ways.
  auto again = yaml::parse(*text, how_);
  if (!again)
    return fail(errc::invalid_argument, "it could not be read again: " + again.error().detail);
  if (damage_) { // where its copy is gone, another one
    const auto kept = bytes_ ? keep_beside(path_, *bytes_) : link_beside(path_);
    if (!kept)
      return unexpected{kept.error()};
  }
  auto file = text::atomic_file::create(path_);
  if (!file)
    return unexpected{std::move(file).error()};
  auto written = file->append(*text);
  if (written)
    written = file->finish();
  if (!written && written.error() != errc::outcome_unknown) {
    bytes_.reset(); // whatever is there now
    return written;
  }
  bytes_ = *std::move(text);
  document_ = *std::move(again);
  damage_.reset();
  return written;
}

} // namespace cortex::config_manager
