// What the handles do: claim, store, and send what the actor must know.
#include "cortex/progress_indicators.hpp"
#include "cortex/progress_indicators/stage.hpp"
#include "cortex/text/display_width.hpp"

#include <exception>
#include <utility>

namespace cortex::progress_indicators {
namespace detail {
namespace {

/// Lines that may wait for the actor before whoever says more has to wait, too: for the actor,
/// never for the output.
constexpr std::uint32_t most_waiting_lines = 65'536;

std::string clean(std::string_view text) {
  return text::printable(text, text::line_breaks::keep);
}

struct ending {
  bool idle_too = false;
  bool with_original = false;
};

/// True for the one call that ends it.
bool finish(const indicator_parts& to, const slot_ref& what, status how, std::string_view text,
            ending kind) {
  auto made = what->change(
    [&](status now) { return now == status::running || (kind.idle_too && now == status::idle); },
    how);
  if (!made)
    return false;
  made->text = clean(text);
  made->at = to.stage->now();
  made->with_original = kind.with_original;
  to.actor.tell(turn{what, *std::move(made)});
  return true;
}

} // namespace

display::display(std::shared_ptr<indicator_parts> parts, std::shared_ptr<slot> mine) noexcept
  : parts_(std::move(parts)), slot_(std::move(mine)), exceptions_(std::uncaught_exceptions()) {}

std::uint64_t display::id() const noexcept {
  return slot_->id;
}

status display::status() const noexcept {
  return slot_->state.now();
}

expected<context> display::context() const {
  return parts_->actor.call(inspect{slot_});
}

bool display::thrown_through() const noexcept {
  return std::uncaught_exceptions() > exceptions_;
}

bool display::end(progress_indicators::status how, std::string_view text) const {
  return finish(*parts_, slot_, how, text, {});
}

void display::put_message(std::string_view text) const {
  slot_->put(clean(text));
}

void say_line(const indicator_parts& to, say line) {
  if (to.stage->waiting_lines.fetch_add(1, std::memory_order_relaxed) < most_waiting_lines
      || cortex::detail::blocking_refused("a line"))
    to.actor.tell(std::move(line));
  else
    static_cast<void>(to.actor.call(std::move(line), std::chrono::nanoseconds::max()));
}

void display::put_log(std::string_view text) const {
  say_line(*parts_, say{slot_, level::plain, clean(text), parts_->stage->now()});
}

// Only where each update is written.
void display::moved() const {
  if (parts_->stage->looks.rendering != rendering::fallback)
    return;
  progress_indicators::moved update{slot_, slot_->position.load(std::memory_order_relaxed),
                                    parts_->stage->now()};
  if (cortex::detail::blocking_refused("an update"))
    parts_->actor.tell(std::move(update));
  else
    static_cast<void>(parts_->actor.call(std::move(update), std::chrono::nanoseconds::max()));
}

} // namespace detail

// -- spinner --------------------------------------------------------------------------------------

void spinner::start(std::string_view message) const {
  auto text = text::printable(message, text::line_breaks::keep);
  auto made = slot_->change([](progress_indicators::status) { return true; }, status::running);
  made->text = std::move(text);
  made->at = parts_->stage->now();
  parts_->actor.tell(turn{slot_, *std::move(made)});
}

void spinner::update(std::string_view message) const {
  put_message(message);
}
void spinner::stop(std::string_view final_text) const {
  detail::finish(*parts_, slot_, status::completed, final_text, {.idle_too = true});
}
void spinner::fail(std::string_view message) const {
  detail::finish(*parts_, slot_, status::failed, message, {.idle_too = true});
}

spinner::~spinner() {
  if (slot_ != nullptr)
    detail::finish(*parts_, slot_, thrown_through() ? status::failed : status::completed, {},
                   {.with_original = true});
}

// -- operation ------------------------------------------------------------------------------------

void operation::update(std::string_view message) const {
  put_message(message);
}
void operation::log(std::string_view message) const {
  put_log(message);
}
bool operation::complete(std::string_view message) const {
  return end(status::completed, message);
}
bool operation::fail(std::string_view message) const {
  return end(status::failed, message);
}
bool operation::cancel(std::string_view message) const {
  return end(status::cancelled, message);
}

void operation::note(std::string_view key, std::string_view value) const {
  parts_->actor.tell(progress_indicators::note{slot_, std::string{key}, std::string{value}});
}

void operation::expect_weight(double all) const noexcept {
  if (all > 0)
    slot_->expected_weight.store(all, std::memory_order_relaxed);
}

operation::~operation() {
  if (slot_ != nullptr && status() == status::running)
    thrown_through() ? fail() : complete();
}

// -- bar ------------------------------------------------------------------------------------------

void bar::advance(std::uint64_t items) const {
  slot_->position.fetch_add(items, std::memory_order_relaxed);
  moved();
}
void bar::set_position(std::uint64_t items) const {
  slot_->position.store(items, std::memory_order_relaxed);
  moved();
}
void bar::set_total(std::uint64_t items) const noexcept {
  slot_->total.store(items, std::memory_order_relaxed);
}
std::uint64_t bar::position() const noexcept {
  return slot_->position.load(std::memory_order_relaxed);
}
void bar::update(std::string_view message) const {
  put_message(message);
}
void bar::log(std::string_view message) const {
  put_log(message);
}
bool bar::finish() const {
  return end(status::completed, "Done");
}
bool bar::fail(std::string_view message) const {
  return end(status::failed, message);
}
bool bar::cancel() const {
  return end(status::cancelled, "Cancelled");
}
bar::~bar() {
  if (slot_ != nullptr && status() == status::running)
    thrown_through() ? fail() : finish();
}

// -- download -------------------------------------------------------------------------------------

void download::update(std::uint64_t bytes) const {
  slot_->position.fetch_add(bytes, std::memory_order_relaxed);
  moved();
}
std::uint64_t download::downloaded() const noexcept {
  return slot_->position.load(std::memory_order_relaxed);
}
bool download::complete() const {
  return end(status::completed, "Done");
}
bool download::fail(std::string_view text) const {
  return end(status::failed, text);
}
download::~download() {
  if (slot_ != nullptr && status() == status::running)
    thrown_through() ? fail("Failed") : complete();
}

// -- steps ----------------------------------------------------------------------------------------

namespace {

void change(const detail::indicator_parts& to, const detail::slot_ref& what, std::int64_t index,
            step_status status, std::string_view text) {
  to.actor.tell(change_step{what, index, status, text::printable(text, text::line_breaks::keep),
                            to.stage->now()});
}

} // namespace

void step_list::start_step(std::int64_t index) const {
  change(*parts_, slot_, index, step_status::running, {});
}
void step_list::complete_step(std::int64_t index) const {
  change(*parts_, slot_, index, step_status::completed, {});
}
void step_list::fail_step(std::int64_t index, std::string_view text) const {
  change(*parts_, slot_, index, step_status::failed, text);
}
void step_list::skip_step(std::int64_t index, std::string_view reason) const {
  change(*parts_, slot_, index, step_status::skipped, reason);
}
void step_list::finish() const {
  end(status::completed, "Done");
}
step_list::~step_list() {
  if (slot_ != nullptr && status() == status::running)
    end(thrown_through() ? status::failed : status::completed,
        thrown_through() ? "Failed" : "Done");
}

} // namespace cortex::progress_indicators
