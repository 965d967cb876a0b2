/// Progress indicators: spinners, operations, bars, downloads and step lists of any number of
/// threads, shown on a terminal, in a log or as JSON events.
///
/// A handle costs its owner next to nothing: a position is one relaxed atomic addition, a text one
/// atomic exchange. What begins, ends or is to stay on the output goes to one actor as a message.
/// The actor owns the output and looks at the positions when it draws, at most ten times a second.
///
/// Nobody's thread waits for a slow output: bytes go through a queue to a thread of their own that
/// exists while something is displayed and ends with it. Beyond `options::max_pending_bytes` lines
/// are dropped, counted, and told once there is room again. On a deterministic runtime the driving
/// thread writes.
///
/// No terminal library, signal handler or locale is used: the size is asked for at each redraw.
/// Texts are data: control characters and terminal sequences in them are taken out; newline and tab
/// stay where the output goes on by lines.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/expected.hpp"
#include "cortex/handle.hpp"
#include "cortex/runtime.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cortex::progress_indicators {

// -- what is displayed ----------------------------------------------------------------------------

/// What an operation does.
enum class operation_type : std::uint8_t {
  install,
  remove,
  update,
  download,
  configure,
  verify,
  analyze,
  llm_query,
  dependency_resolve,
  rollback,
  generic,
};

enum class step_status : std::uint8_t { pending, running, completed, failed, skipped };
/// `idle` is a spinner that does not run.
enum class status : std::uint8_t { idle, running, completed, failed, cancelled };
enum class display_kind : std::uint8_t { spinner, operation, bar, download, steps };

/// The names, as in the enumerations: `"llm_query"`.
[[nodiscard]] std::string_view to_string(operation_type value) noexcept;
[[nodiscard]] std::string_view to_string(step_status value) noexcept;
[[nodiscard]] std::string_view to_string(status value) noexcept;
[[nodiscard]] std::string_view to_string(display_kind value) noexcept;
/// The type of that name; `generic` for an unknown one.
[[nodiscard]] operation_type operation_type_of(std::string_view name) noexcept;
/// An emoji in UTF-8.
[[nodiscard]] std::string_view icon(operation_type value) noexcept;
/// `"green"`, `"dim cyan"`.
[[nodiscard]] std::string_view color(step_status value) noexcept;

/// One step of an operation or list.
struct step {
  std::string name;
  std::string description{}; ///< Empty = the name, in lists.
  step_status status = step_status::pending;
  double progress = 0.0; ///< 0 to 1.
  std::optional<monotonic_time> start_time{};
  std::optional<monotonic_time> end_time{};
  std::optional<std::string> error_message{};

  /// Seconds from start to end, or until `now`; empty before the start.
  [[nodiscard]] std::optional<double> duration_seconds(monotonic_time now) const noexcept;
};

/// A display at one instant.
struct context {
  std::uint64_t id = 0; ///< Counts the displays of an indicator, from 1.
  std::uint64_t parent = 0;
  display_kind kind = display_kind::operation;
  operation_type type = operation_type::generic;
  std::string title{};
  std::string message{}; ///< The last one.
  std::vector<step> steps{};
  std::int64_t current_step = 0; ///< -1 in a list none of whose steps was started.
  monotonic_time start_time{};
  std::optional<monotonic_time> end_time{};
  progress_indicators::status status = status::running;
  std::map<std::string, std::string> metadata{};
  std::uint64_t position = 0; ///< Items or bytes.
  std::uint64_t total = 0;    ///< 0 = unknown.

  [[nodiscard]] std::size_t total_steps() const noexcept { return steps.size(); }
  /// Those with status `completed` only.
  [[nodiscard]] std::size_t completed_steps() const noexcept;
  /// Completed steps over all, 0 to 1; 0 without steps.
  [[nodiscard]] double overall_progress() const noexcept;
};

/// Throw it from the body of `indicator::run` to end the operation as `cancelled`.
class cancelled : public std::exception {
public:
  [[nodiscard]] const char* what() const noexcept override { return "Cancelled"; }
};

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
  /// Empty = what the terminal behind `out.fd` says at each redraw; 80 x 24 if it does not.
  std::function<terminal_size()> size{};
  /// Time between two redraws. Range >= 100 ms.
  std::chrono::milliseconds redraw_interval{100};
  /// A JSON object a line for each thing that happens, see below; empty = none.
  std::optional<output> events{};
  /// Time between two events that tell the position of one display. Range >= 100 ms.
  std::chrono::milliseconds event_interval{1000};
  /// Bytes that wait for a slow output; lines beyond are dropped. Range >= 65,536.
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
// Members may be added. Texts are whole, without control characters but newline and tab.

// -- displays -------------------------------------------------------------------------------------

namespace detail {
struct slot;
struct indicator_parts;

/// What all displays have in common. Nothing it does fails: when the indicator or the runtime has
/// ended, it does nothing.
class display {
public:
  display(display&& other) noexcept = default;
  display& operator=(display&& other) = delete;
  display(const display&) = delete;
  display& operator=(const display&) = delete;
  ~display() = default;

  /// Its number; what others are nested under.
  [[nodiscard]] std::uint64_t id() const noexcept;
  [[nodiscard]] progress_indicators::status status() const noexcept;
  /// All about it. Errors: those of a request.
  [[nodiscard]] expected<progress_indicators::context> context() const;

protected:
  display(std::shared_ptr<indicator_parts> parts, std::shared_ptr<slot> mine) noexcept;
  /// True in the destructor if the scope is left by an exception.
  [[nodiscard]] bool thrown_through() const noexcept;
  /// True for the one call that ends it.
  bool end(progress_indicators::status how, std::string_view text) const;
  void put_message(std::string_view text) const;
  void put_log(std::string_view text) const;
  void moved() const;

  std::shared_ptr<indicator_parts> parts_;
  std::shared_ptr<slot> slot_; // null once moved from
  int exceptions_ = 0;
};
} // namespace detail

/// Where a display belongs: under another one, of whose progress it makes a part.
struct placement {
  std::uint64_t under = 0; ///< `id()` of a display that has not ended; 0 = none.
  double weight = 1.0;     ///< Its share among its siblings. Range > 0; others count as 1.
};

/// Shows that something goes on. Idle until `start`; the end of its scope stops a running one with
/// the message of its start: `✓`, or `✗` if an exception passes. *Thread-safe*, but for moving.
class spinner : public detail::display {
public:
  spinner(spinner&&) noexcept = default;
  ~spinner();

  /// Runs (again) with this message; on a running one it replaces the message.
  void start(std::string_view message) const;
  /// Replaces the message, in any state.
  void update(std::string_view message) const;
  /// Writes `✓ TEXT` and is idle; the text is the current message if it is empty. After an ending
  /// nothing happens until the next start; without any start it writes its line.
  void stop(std::string_view final_text = {}) const;
  /// The same with `✗`.
  void fail(std::string_view message = {}) const;

private:
  friend class indicator;
  using display::display;
};

/// Something with a title that completes or fails. The end of the scope completes it, or fails it
/// if an exception passes; the text of the exception is only known to `indicator::run`. The first
/// ending wins, later ones do nothing. *Thread-safe*, but for moving.
class operation : public detail::display {
public:
  operation(operation&&) noexcept = default;
  ~operation();

  /// Shows `TITLE - MESSAGE`.
  void update(std::string_view message) const;
  /// Two blanks and the message on a line that stays.
  void log(std::string_view message) const;
  /// True for the call that ended it.
  bool complete(std::string_view message = "Done") const;
  bool fail(std::string_view message = "Failed") const;
  bool cancel(std::string_view message = "Cancelled") const;
  /// Keeps a value with it, for `context` and events.
  void note(std::string_view key, std::string_view value) const;
  /// The weight of all displays that will be nested under it: progress then does not fall when
  /// one is added. Range > 0; others are ignored.
  void expect_weight(double all) const noexcept;

private:
  friend class indicator;
  using display::display;
};

/// Counts items. The end of the scope ends it. *Thread-safe*, but for moving.
class bar : public detail::display {
public:
  bar(bar&&) noexcept = default;
  ~bar();

  /// A relaxed atomic addition (a request where each update is to be written).
  void advance(std::uint64_t items = 1) const;
  void set_position(std::uint64_t items) const;
  void set_total(std::uint64_t items) const noexcept;
  [[nodiscard]] std::uint64_t position() const noexcept;
  /// Shown beside it.
  void update(std::string_view message) const;
  void log(std::string_view message) const;
  bool finish() const;
  bool fail(std::string_view message = "Failed") const;
  bool cancel() const;

private:
  friend class indicator;
  using display::display;
};

/// Counts bytes, with their speed. The end of the scope completes it, or fails it if an exception
/// passes. *Thread-safe*, but for moving.
class download : public detail::display {
public:
  download(download&&) noexcept = default;
  ~download();

  /// Adds bytes: as `bar::advance`.
  void update(std::uint64_t bytes) const;
  [[nodiscard]] std::uint64_t downloaded() const noexcept;
  bool complete() const;
  bool fail(std::string_view text) const;

private:
  friend class indicator;
  using display::display;
};

/// A list of steps. Indices outside of it are ignored. The end of the scope finishes it.
/// *Thread-safe*, but for moving.
class step_list : public detail::display {
public:
  step_list(step_list&&) noexcept = default;
  ~step_list();

  void start_step(std::int64_t index) const;
  void complete_step(std::int64_t index) const;
  void fail_step(std::int64_t index, std::string_view text = {}) const;
  void skip_step(std::int64_t index, std::string_view reason = {}) const;
  /// `Completed C/N steps`, an error with `(F failed)` if one has failed.
  void finish() const;

private:
  friend class indicator;
  using display::display;
};

/// What has a size and can be gone through: a container, an array, a view.
template <class Range>
concept countable_range = requires(Range& items) {
  static_cast<std::uint64_t>(std::size(items));
  std::begin(items) != std::end(items);
  *std::begin(items);
};

/// A range that tells a bar of each item that it hands out: a reference to an lvalue, the owner of
/// anything else. Gone through once. *Not thread-safe*.
template <class Range>
class counted_range {
public:
  counted_range(Range&& items, bar shown)
    : items_(std::forward<Range>(items)), bar_(std::move(shown)) {}

  class iterator {
  public:
    explicit iterator(counted_range& owner)
      : at_(std::begin(owner.items_)), end_(std::end(owner.items_)), bar_(&owner.bar_) {
      hand_out();
    }
    decltype(auto) operator*() const { return *at_; }
    iterator& operator++() {
      ++at_;
      hand_out();
      return *this;
    }
    bool operator!=(std::default_sentinel_t /*end*/) const { return at_ != end_; }

  private:
    void hand_out() {
      if (at_ != end_)
        bar_->advance();
      else
        bar_->finish();
    }
    decltype(std::begin(std::declval<std::remove_reference_t<Range>&>())) at_;
    decltype(std::end(std::declval<std::remove_reference_t<Range>&>())) end_;
    const bar* bar_;
  };

  [[nodiscard]] iterator begin() { return iterator{*this}; }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

private:
  Range items_; // a reference for an lvalue
  bar bar_;
};

// -- the indicator --------------------------------------------------------------------------------

/// All displays that live, in the order of their beginning. Also makes the output up to date.
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

  /// Waits until all that was said before is written. Errors: `timeout`; `io` if the output cannot
  /// be written; those of a request.
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
/// and of `runtime::open`.
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
