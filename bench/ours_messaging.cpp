// The library in the messaging rows: an actor as a host writes its own, a plain class with one
// handler for each request, on a runtime with default options.
// Rerun: cortex_bench --only call/ , --only tell/ , --only ask_

#include "cortex/runtime.hpp"

#include "ours.hpp"
#include "rivals/record_connection.hpp"

#include <deque>
#include <stdexcept>
#include <utility>

namespace cortex::bench {
namespace {

/// Adds, and answers with the new value.
struct increment {
  using reply = std::int64_t;
  std::int64_t by = 1;
};

/// Adds without telling anything.
struct nudge {
  using reply = void;
  std::int64_t by = 1;
};

using counter_protocol = cortex::protocol<increment, nudge>;
using counter_handle = cortex::handle<counter_protocol>;

class cortex_client : public counter_client {
public:
  cortex_client(counter_handle counter, gate* shared)
    : counter_(std::move(counter)), shared_(shared) {}

  outcome call(std::int64_t& value) override { return settle(counter_.call(increment{}), value); }
  outcome tell() override {
    counter_.tell(nudge{});
    return outcome::done;
  }
  outcome ask() override {
    asked_.push_back(counter_.ask(increment{}));
    return outcome::done;
  }
  outcome take(std::int64_t& value) override {
    auto oldest = std::move(asked_.front());
    asked_.pop_front();
    return settle(oldest.get(), value);
  }

protected:
  void keep(future<std::int64_t> asked) { asked_.push_back(std::move(asked)); }
  [[nodiscard]] const counter_handle& counter() const noexcept { return counter_; }

private:
  outcome settle(const expected<std::int64_t>& answer, std::int64_t& value) {
    if (!answer)
      return refused(shared_, to_string(answer.error()).c_str());
    value = *answer;
    return outcome::done;
  }

  counter_handle counter_;
  gate* shared_;
  std::deque<future<std::int64_t>> asked_;
};

/// Each ask is a coroutine that awaits the answer.
class coroutine_client final : public cortex_client {
public:
  coroutine_client(const counter_handle& counter, gate* shared, runtime host)
    : cortex_client(counter, shared), host_(std::move(host)) {}

  outcome ask() override {
    keep(host_.start(add_one(counter())));
    return outcome::done;
  }

private:
  static task<std::int64_t> add_one(counter_handle counter) {
    co_return co_await counter.ask(increment{});
  }

  runtime host_;
};

class cortex_service final : public counter_service {
public:
  cortex_service(gate* shared, bool coroutines) : shared_(shared), coroutines_(coroutines) {
    auto opened = runtime::open();
    if (!opened)
      throw std::runtime_error{to_string(opened.error())};
    runtime_.emplace(*std::move(opened));
    auto spawned
      = runtime_->spawn<counter>("counter", [this] { return std::make_unique<counter>(*this); });
    if (!spawned)
      throw std::runtime_error{to_string(spawned.error())};
    handle_ = *std::move(spawned);
  }
  ~cortex_service() override {
    handle_ = {};
    if (const auto stopped = runtime_->stop(); !stopped)
      shared_->explain(to_string(stopped.error()));
  }

  std::unique_ptr<counter_client> connect(unsigned, std::size_t) override {
    if (coroutines_)
      return std::make_unique<coroutine_client>(handle_, shared_, runtime_->unowned());
    return std::make_unique<cortex_client>(handle_, shared_);
  }

private:
  /// The actor.
  class counter {
  public:
    using protocol = counter_protocol;

    explicit counter(cortex_service& service) : service_(service) {}
    std::int64_t operator()(increment& request) { return service_.add(request.by); }
    void operator()(nudge& request) { (void)service_.add(request.by); }

  private:
    cortex_service& service_;
  };

  gate* shared_;
  bool coroutines_;
  std::optional<runtime> runtime_;
  counter_handle handle_;
};

} // namespace

std::unique_ptr<counter_service> start_cortex_service(const setting& where) {
  return std::make_unique<cortex_service>(where.shared, false);
}

std::unique_ptr<counter_service> start_cortex_coroutine_service(const setting& where) {
  return std::make_unique<cortex_service>(where.shared, true);
}

} // namespace cortex::bench
