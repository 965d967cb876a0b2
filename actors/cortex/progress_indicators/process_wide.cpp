// The indicator of the process. No actor: a host that knows no runtime begins here.
#include "cortex/progress_indicators.hpp"
#include "cortex/published.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace cortex::progress_indicators {
namespace {

/// Made after the first indicator was opened, so it ends before whatever the runtime keeps in
/// objects of static storage, and ends the indicator while they are there.
struct end_of_process {
  ~end_of_process() { static_cast<void>(shut_down_process_wide()); }
};

/// One indicator, opened by whoever asks first; the others wait for that. *Thread-safe*.
class instance {
public:
  instance() = default;
  explicit instance(const indicator& given) : state_(state::open), indicator_(given) {}

  expected<indicator> get() {
    for (;;) {
      auto seen = state::none;
      if (state_.compare_exchange_strong(seen, state::opening))
        return open_one();
      if (seen == state::open)
        return *indicator_;
      if (seen == state::closed)
        return fail(errc::closed, "the indicator of the process was shut down meanwhile");
      state_.wait(state::opening);
    }
  }

  expected<void> shut_down() {
    for (auto seen = state_.load();;) {
      if (seen == state::opening)
        state_.wait(state::opening);
      else if (state_.compare_exchange_strong(seen, state::closed))
        return seen == state::open && runtime_ ? runtime_->stop() : expected<void>{};
      seen = state_.load();
    }
  }

private:
  enum class state : std::uint32_t { none, opening, open, closed };

  /// Alone in the state `opening`; the rest is read in the state `open` only.
  expected<indicator> open_one() {
    auto opened = expected<indicator>{fail(errc::unavailable)};
    if (auto rt = runtime::open(); !rt)
      opened = unexpected{std::move(rt).error()};
    else if (opened = progress_indicators::open(*rt); opened)
      runtime_.emplace(*std::move(rt));
    if (opened) {
      indicator_.emplace(*opened);
      static_cast<void>(inline_executor()); // made now if it was not yet
      static const end_of_process last;
    }
    state_.store(opened ? state::open : state::none); // the next one tries again
    state_.notify_all();
    return opened;
  }

  std::atomic<state> state_{state::none};
  std::optional<runtime> runtime_; // empty if the indicator was given
  std::optional<indicator> indicator_;
};

struct slot {
  std::shared_ptr<instance> held = std::make_shared<instance>();
};

published<slot>& current() {
  static published<slot> only;
  return only;
}

expected<void> put_in_place(std::shared_ptr<instance> next) {
  const auto before = current().get()->held;
  current().publish(std::make_shared<const slot>(slot{std::move(next)}));
  return before->shut_down();
}

} // namespace

expected<indicator> process_wide() {
  if (auto refused = cortex::detail::blocking_refused("opening the indicator of the process"))
    return unexpected{*std::move(refused)};
  return current().get()->held->get();
}

expected<void> replace_process_wide(const indicator& with) {
  return put_in_place(std::make_shared<instance>(with));
}

expected<void> shut_down_process_wide() {
  return put_in_place(std::make_shared<instance>());
}

spinner show_spinner(std::string_view message) {
  return process_wide().value().spinner(message);
}

operation show_operation(std::string_view title, operation_type type) {
  return process_wide().value().operation(title, type);
}

} // namespace cortex::progress_indicators
