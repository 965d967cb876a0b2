#include "cortex/progress_indicators/region.hpp"

#include "cortex/progress_indicators/texts.hpp"
#include "cortex/text/display_width.hpp"

#include <algorithm>
#include <cmath>

namespace cortex::progress_indicators {
namespace {

/// A line under way: what does not fit is left out.
class line_builder {
public:
  line_builder(const look& how, std::size_t columns) : how_(how), columns_(columns) {}

  void add(std::string_view text, tint color = tint::none) {
    auto clean = text::printable(text, text::line_breaks::to_blanks);
    if (how_.ascii)
      clean = to_ascii(clean);
    const auto shown = text::truncate_to(clean, left(), ellipsis(how_));
    line_.columns += text::display_width(shown);
    line_.bytes += tinted(how_, color, shown);
  }
  /// Only if it fits as a whole.
  void add_if_room(std::string_view text, tint color) {
    if (text::display_width(text) <= left())
      add(text, color);
  }
  [[nodiscard]] std::size_t left() const noexcept { return columns_ - line_.columns; }
  [[nodiscard]] region_line take() { return std::move(line_); }

private:
  const look& how_;
  std::size_t columns_;
  region_line line_{};
};

std::string percent_text(double fraction) {
  return std::to_string(static_cast<int>(fraction * 100 + 1e-9)) + '%';
}

std::string amount_text(double bytes) {
  constexpr double kb = 1024.0;
  if (bytes < kb * kb)
    return fixed(bytes / kb, 1) + " KB";
  if (bytes < kb * kb * kb)
    return fixed(bytes / kb / kb, 1) + " MB";
  return fixed(bytes / kb / kb / kb, 1) + " GB";
}

/// What follows a bar, the most important first.
std::vector<std::string> numbers_of(const drawn_display& shown) {
  const auto& what = *shown.what;
  const bool bytes = what.kind == display_kind::download;
  const auto done = static_cast<double>(what.position);
  std::vector<std::string> out;
  if (what.total == 0)
    out.push_back(bytes ? amount_text(done) : std::to_string(what.position));
  else if (bytes)
    out.push_back(percent_text(fraction_of(what.position, what.total)));
  else
    out.push_back(std::to_string(what.position) + '/' + std::to_string(what.total));
  const auto left = shown.pace != nullptr ? shown.pace->seconds_left() : std::nullopt;
  const double rate = shown.pace != nullptr ? shown.pace->rate() : 0.0;
  if (left)
    out.push_back("ETA " + clock_text(*left));
  if (rate > 0)
    out.push_back(bytes ? amount_text(rate) + "/s" : fixed(rate, rate < 10 ? 1 : 0) + "/s");
  if (what.total != 0)
    out.push_back(bytes ? amount_text(done) + " of " + amount_text(static_cast<double>(what.total))
                        : percent_text(fraction_of(what.position, what.total)));
  return out;
}

/// `DESCRIPTION [████░░] 2/3  ETA 0:05 …`: as many numbers as fit beside a bar that can be read.
void add_bar(line_builder& line, const look& how, const drawn_display& shown) {
  constexpr std::size_t least_cells = 6;
  constexpr std::size_t most_cells = 30;
  const auto& what = *shown.what;
  const auto numbers = numbers_of(shown);
  const std::size_t frame = 4; // blanks and brackets
  const auto all = line.left();
  const auto named = std::min(text::display_width(what.title), std::max<std::size_t>(8, all / 3));
  std::size_t used = named + frame + numbers.front().size();
  if (used + least_cells > all || what.total == 0) {
    const auto room = all - std::min(all, numbers.front().size() + 1);
    line.add(text::truncate_to(text::printable(what.title, text::line_breaks::to_blanks), room,
                               ellipsis(how)));
    line.add(" " + numbers.front());
    for (std::size_t i = 1; i < numbers.size() && numbers[i].size() + 2 <= line.left(); ++i)
      line.add("  " + numbers[i], tint::dim);
  } else {
    std::size_t taken = 1;
    while (taken < numbers.size() && used + 2 + numbers[taken].size() + least_cells <= all)
      used += 2 + numbers[taken++].size();
    const auto cells = std::clamp(all - used, least_cells, most_cells);
    const auto full = static_cast<std::size_t>(fraction_of(what.position, what.total)
                                               * static_cast<double>(cells));
    line.add(text::truncate_to(text::printable(what.title, text::line_breaks::to_blanks), named,
                               ellipsis(how)));
    line.add(" [");
    line.add(blocks(how, full, cells), tint::green);
    line.add("] " + numbers.front());
    for (std::size_t i = 1; i < taken; ++i)
      line.add("  " + numbers[i], tint::dim);
  }
  if (!what.message.empty() && line.left() > 4)
    line.add("  " + what.message);
}

region_line step_row(const look& how, const step& which, std::size_t depth, monotonic_time now,
                     std::size_t columns) {
  line_builder line{how, columns};
  line.add(std::string(2 * depth + 2, ' '));
  line.add(mark(how, which.status), tint_of(which.status));
  line.add(" " + which.name);
  const auto seconds = which.duration_seconds(now);
  if (which.status == step_status::running)
    line.add(" (" + fixed(std::max(0.0, seconds.value_or(0.0)), 0) + "s)", tint::dim);
  else if (which.status == step_status::completed)
    line.add(" (" + fixed(seconds.value_or(0.0), 1) + "s)", tint::dim);
  else if (which.status == step_status::failed && which.error_message)
    line.add(": " + *which.error_message);
  else if (which.status == step_status::skipped)
    line.add(" (skipped)", tint::dim);
  return line.take();
}

} // namespace

std::string clock_text(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::min(std::ceil(seconds), 359'999.0));
  const auto two
    = [](std::uint64_t value) { return (value < 10 ? "0" : "") + std::to_string(value); };
  if (whole >= 3600)
    return std::to_string(whole / 3600) + ':' + two(whole / 60 % 60) + ':' + two(whole % 60);
  return std::to_string(whole / 60) + ':' + two(whole % 60);
}

std::vector<region_line> lines_of(const look& how, const drawn_display& shown, monotonic_time now,
                                  std::size_t columns) {
  const auto& what = *shown.what;
  std::vector<region_line> out;
  line_builder line{how, columns};
  line.add(std::string(2 * shown.depth, ' '));
  const auto passed = seconds_between(what.start_time, now);
  if (what.kind == display_kind::bar || what.kind == display_kind::download) {
    add_bar(line, how, shown);
    out.push_back(line.take());
    return out;
  }
  line.add(spinner_glyph(how, shown.glyph), tint::yellow);
  if (what.kind == display_kind::spinner) {
    line.add(" " + what.message);
  } else {
    if (how.icons && what.kind == display_kind::operation)
      line.add(" " + std::string{icon(what.type)});
    line.add(" " + what.title);
    if (what.total_steps() != 0)
      line.add(" [" + std::to_string(what.completed_steps()) + '/'
               + std::to_string(what.total_steps()) + ']');
    if (shown.share) {
      const auto percent = percent_text(*shown.share);
      const auto bar = blocks(how, static_cast<std::size_t>(*shown.share * 10), 10);
      line.add_if_room(" [" + bar + ']', tint::green);
      line.add_if_room(" " + percent, tint::green);
    }
    if (!what.message.empty())
      line.add(" - " + what.message);
  }
  if (passed >= 1)
    line.add_if_room(" (" + clock_text(std::floor(passed)) + ')', tint::dim);
  out.push_back(line.take());
  for (const auto& each : what.steps)
    out.push_back(step_row(how, each, shown.depth, now, columns));
  return out;
}

std::vector<region_line> region_of(const look& how, const std::vector<drawn_display>& shown,
                                   std::size_t all, monotonic_time now, terminal_size size) {
  // Never the last column: terminals differ in what they do there.
  const auto columns = std::max<std::size_t>(size.columns, 2) - 1;
  const auto most = std::max<std::size_t>(size.rows, 2) - 1;
  std::vector<region_line> out;
  std::size_t begun = 0;        // displays that have a line
  std::size_t begun_before = 0; // within `most - 1` lines
  for (const auto& each : shown) {
    if (out.size() > most)
      break;
    if (out.size() < most - 1)
      begun_before = begun + 1;
    ++begun;
    for (auto& line : lines_of(how, each, now, columns))
      out.push_back(std::move(line));
  }
  if (out.size() <= most && begun == all)
    return out;
  out.resize(most - 1);
  line_builder rest{how, columns};
  const auto hidden = all - begun_before;
  rest.add(hidden == 0 ? std::string{ellipsis(how)}
                       : std::string{ellipsis(how)} + " and " + std::to_string(hidden) + " more",
           tint::dim);
  out.push_back(rest.take());
  return out;
}

} // namespace cortex::progress_indicators
