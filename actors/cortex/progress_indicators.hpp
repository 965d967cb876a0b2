/// Progress indicators: spinners, operations, bars, downloads and step lists of any number of
/// threads, shown on a terminal, in a log or as JSON events.
///
/// A handle costs its owner next to nothing: a position is one relaxed atomic addition, a text one
/// atomic exchange. What begins, ends or is to stay on the output goes to one actor as a message.
/// The actor owns the output and looks at the positions when it draws, at most ten times a second.
///
/// Nobody's thread waits for a slow output: bytes go through a queue to a thread of their own that
/// exists while something is displayed and ends with it; events have another one. Beyond
/// `options::max_pending_bytes` lines and events are dropped, counted, and told once there is room
/// again; an eighth of that is for endings and steps alone. On a deterministic runtime the driving
/// thread writes.
///
/// No terminal library, signal handler or locale is used: the size is asked for at each redraw.
/// What ends or suspends the process past the library (SIGINT, SIGTSTP, `std::exit` while a host's
/// runtime is running) leaves the cursor hidden: a host that expects that calls `indicator::close`,
/// or stops its runtime, before it.
/// Texts are data: control characters and terminal sequences in them are taken out; newline and tab
/// stay where the output goes on by lines.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/expected.hpp"
#include "cortex/handle.hpp"
#include "cortex/progress_displays.hpp"
#include "cortex/runtime.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cortex::progress_indicators {

// -- how it is displayed --------------------------------------------------------------------------

enum class rendering : std::uint8_t {
  /// `terminal` on a terminal, unless `TERM` is `dumb` or empty or `CI` is set; else `lines`.
  automatic,
  /// A region at the bottom that is redrawn in place, what is to stay above it.
  terminal,
  /// The bytes of the original program without a terminal library: a carriage return before each
  /// frame, each update of a bar written at once. For programs that read them.
  fallback,
  /// What stays, line by line: no frame, no carriage return.
  lines,
};

struct terminal_size {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

/// The variables that decide how things look.
struct environment {
  std::string no_color{}; ///< `NO_COLOR`: no colours if it is not empty.
  std::string term{};
  std::string ci{};
  std::string lc_all{}; ///< The first of these three that is not empty names the locale: marks are
  std::string lc_ctype{}; ///< ASCII unless it ends in UTF-8.
  std::string lang{};

  [[nodiscard]] static environment of_process();
};

/// Where bytes go: a descriptor, which stays the caller's and is left as it is, or a function. The
/// function is called by one thread at a time, with whole lines or frames, may block, and must not
/// throw; it must not use the indicator.
struct output {
  int fd = 2;
  std::function<void(std::string_view)> write{};
};

/// How an indicator is opened.
struct options {
  progress_indicators::output out{};
  progress_indicators::rendering rendering = rendering::automatic;
  /// Empty = read from the process by `open`.
  std::optional<progress_indicators::environment> environment{};
  /// Empty = as `NO_COLOR` says. Colours are for the rendering `terminal` only.
  std::optional<bool> colors{};
  /// Emoji before operations, in the rendering `terminal`.
  bool icons = true;
  /// Empty = what the terminal behind `out.fd` says at each redraw; 80 x 24 if it does not, or if
  /// this throws.
  std::function<terminal_size()> size{};
  /// Time between two redraws. Range >= 100 ms.
  std::chrono::milliseconds redraw_interval{100};
  /// A JSON object a line for each thing that happens, see below; empty = none.
  std::optional<output> events{};
  /// Time between two events that tell the position of one display. Range >= 100 ms.
  std::chrono::milliseconds event_interval{1000};
  /// Bytes that wait for a slow output, and for a slow reader of events; what is beyond is dropped.
  /// Range >= 65,536.
  std::size_t max_pending_bytes = std::size_t{4} << 20U;
  /// How long `close` and the end of the last reference wait for a slow output. Range >= 0.
  std::chrono::nanoseconds patience = std::chrono::milliseconds{500};
};

// Events have the members `event`, `time` (seconds since `open`) and `id` of the display (absent in
// a `message` or `log` of none); the others are there where they apply:
//   begin    kind, type, title, parent (0 = none), total (0 = unknown), steps (names)
//   update   message, position, total, fraction (0 to 1)
//   log      text
//   message  level (success, error, warning, info), text
//   step     index, name, status, seconds (null without a start), text (reason or error)
//   end      status (completed, failed, cancelled), text, seconds, position, total
//   dropped  count: so many events before this one found no room
// Members may be added. Texts are whole, without control characters but newline and tab.

// -- the indicator --------------------------------------------------------------------------------

/// All displays that live, in the order of their beginning.
struct list {
  using reply = std::vector<context>;
};

using protocol = cortex::protocol<list>;
using handle = cortex::handle<protocol>;

/// Makes displays and owns their output. Copies share it; it ends when the last copy and the last
/// display are gone, or with the runtime: then displays that still run end as `cancelled`, their
/// final lines are written and the cursor is shown again. *Thread-safe*.
class indicator : public handle {
public:
  /// An idle spinner, or one that runs.
  [[nodiscard]] progress_indicators::spinner spinner() const;
  [[nodiscard]] progress_indicators::spinner spinner(std::string_view message,
                                                     const placement& where = {}) const;
  [[nodiscard]] progress_indicators::operation
  operation(std::string_view title, operation_type type = operation_type::generic,
            std::vector<step> steps = {}, const placement& where = {}) const;
  /// A bar over so many items, 0 = unknown.
  [[nodiscard]] progress_indicators::bar bar(std::uint64_t total,
                                             std::string_view description = "Processing",
                                             const placement& where = {}) const;
  [[nodiscard]] progress_indicators::download download(std::uint64_t total_bytes,
                                                       std::string_view description = "Downloading",
                                                       const placement& where = {}) const;
  [[nodiscard]] step_list steps(std::vector<step> list,
                                std::string_view title = "Operation Progress",
                                const placement& where = {}) const;
  /// `for (auto& item : shown.progress_bar(items))`. An lvalue must outlive the loop.
  template <countable_range Range>
  [[nodiscard]] counted_range<Range> progress_bar(Range&& items, std::string_view description
                                                                 = "Processing") const {
    auto counted = bar(static_cast<std::uint64_t>(std::size(items)), description);
    return {std::forward<Range>(items), std::move(counted)};
  }

  /// Runs `body(operation&)` within an operation and gives what it returns. An exception fails it
  /// with its text and passes on; `cancelled` cancels it; so does an `expected` with an error,
  /// whose detail is the text.
  template <class Body>
  auto run(std::string_view title, operation_type type, Body&& body) const
    -> std::invoke_result_t<Body, progress_indicators::operation&> {
    auto shown = operation(title, type);
    using result = std::invoke_result_t<Body, progress_indicators::operation&>;
    try {
      if constexpr (std::is_void_v<result>) {
        std::forward<Body>(body)(shown);
        shown.complete();
      } else {
        result answer = std::forward<Body>(body)(shown);
        if constexpr (cortex::detail::is_expected<result>) {
          if (!answer)
            end_by(shown, answer.error());
        }
        shown.complete();
        return answer;
      }
    } catch (const cancelled&) {
      shown.cancel();
      throw;
    } catch (const std::exception& thrown) {
      shown.fail(thrown.what());
      throw;
    } catch (...) {
      shown.fail();
      throw;
    }
  }

  /// A mark, a blank, the text, on a line that stays.
  void success(std::string_view text) const;
  void error(std::string_view text) const;
  void warning(std::string_view text) const;
  void info(std::string_view text) const;
  /// The text alone.
  void log(std::string_view text) const;

  /// Waits until all that was said before is written; on a terminal with the next redraw, which
  /// comes no sooner for it. Errors: `timeout`; `io` if the output cannot be written; those of a
  /// request.
  expected<void> drain(std::chrono::nanoseconds within) const;
  /// The same within `options::patience`.
  expected<void> drain() const;
  /// Ends what still runs as `cancelled`, shows the cursor and waits as `drain`. Nothing is written
  /// afterwards. Errors: as `drain`; what could not be written in time is dropped.
  expected<void> close() const;

  /// What `automatic` came to.
  [[nodiscard]] progress_indicators::rendering rendering() const noexcept;
  /// Lines that a slow output made drop.
  [[nodiscard]] std::uint64_t dropped_lines() const noexcept;

private:
  friend expected<indicator> open(const runtime& rt, options wanted);
  indicator(const handle& actor, std::shared_ptr<detail::indicator_parts> parts) noexcept
    : handle(actor), parts_(std::move(parts)) {}
  static void end_by(const progress_indicators::operation& shown, const cortex::error& why);
  [[nodiscard]] std::shared_ptr<detail::slot> begin(display_kind kind, std::string_view title,
                                                    const placement& where, std::uint64_t total,
                                                    operation_type type, std::vector<step> steps,
                                                    bool idle = false) const;

  std::shared_ptr<detail::indicator_parts> parts_;
};

/// Opens an indicator. No thread starts before something is displayed. Use one for each output:
/// two of them on one terminal would draw over each other.
/// Errors: `invalid_argument` naming every bad option; `closed`.
[[nodiscard]] expected<indicator> open(const runtime& rt, options wanted = {});

// -- one for the process --------------------------------------------------------------------------

/// The indicator of the process, opened on first use with the default options and a runtime of its
/// own. An open that failed is tried again by the next use. *Thread-safe*. Errors: those of `open`
/// and of `runtime::open`; `would_deadlock` inside a handler, unless it is open; `closed` if it is
/// shut down meanwhile.
[[nodiscard]] expected<indicator> process_wide();
/// Puts another one in its place; the one before is given up as `shut_down_process_wide` does.
expected<void> replace_process_wide(const indicator& with);
/// Gives it up: one with a runtime of its own is stopped within the runtime's default, one that was
/// put there is let go of. The next use opens a new one. Errors: those of `runtime::stop`.
expected<void> shut_down_process_wide();

/// The same by the indicator of the process. Throws `bad_expected_access` if there is none.
[[nodiscard]] progress_indicators::spinner show_spinner(std::string_view message);
[[nodiscard]] progress_indicators::operation
show_operation(std::string_view title, operation_type type = operation_type::generic);
template <countable_range Range>
[[nodiscard]] counted_range<Range> progress_bar(Range&& items,
                                                std::string_view description = "Processing") {
  return process_wide().value().progress_bar(std::forward<Range>(items), description);
}

} // namespace cortex::progress_indicators
