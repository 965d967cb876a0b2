/// What progress indicators display, and the handles that move it. Included by
/// `<cortex/progress_indicators.hpp>`, which makes them.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/expected.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
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
  /// All about it. Errors: `invalid_argument` if it is nested too deeply; those of a request.
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
  /// `id()` of a display that has not ended; 0 = none. What is nested deeper than 64 is not shown.
  std::uint64_t under = 0;
  double weight = 1.0; ///< Its share among its siblings. Range > 0; others count as 1.
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

} // namespace cortex::progress_indicators
