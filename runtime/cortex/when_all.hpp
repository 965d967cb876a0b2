/// Several answers awaited as one.
#pragma once

#include "cortex/future.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace cortex {
namespace detail {

/// An answer that is made of others: complete once the last of them is there.
template <class Result>
class gathering_slot : public reply_slot<Result> {
protected:
  /// One of the others.
  template <class T>
  class part final : public job {
  public:
    part(gathering_slot& owner, future<T>&& from) noexcept
      : job(&part::arrived), owner_(&owner), source_(take_slot(std::move(from))) {
      owner.include(*source_);
    }
    void await() noexcept {
      if (!source_->attach(*this, inline_executor()))
        run();
    }
    [[nodiscard]] expected<T> take() noexcept { return source_->take(); }
    void withdraw(const error& why) noexcept { source_->give_up(why); }

  private:
    static void arrived(job& self) noexcept { static_cast<part&>(self).owner_->one_arrived(); }

    gathering_slot* owner_;
    slot_ptr<reply_slot<T>> source_;
  };

  /// Counts one more arrival that has to come; it holds a reference.
  void expect_one() noexcept {
    open_.fetch_add(1, std::memory_order_relaxed);
    this->ref();
  }
  void one_arrived() noexcept {
    const slot_ptr<gathering_slot> mine{this};
    if (open_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      finish();
  }

private:
  /// Completes the slot. All parts have their answers.
  virtual void finish() noexcept = 0;

  void include(const slot_base& source) noexcept {
    if (this->home == nullptr)
      this->home = source.home;
    this->deadline = any_ ? std::max(this->deadline, source.deadline) : source.deadline;
    any_ = true;
  }

  std::atomic<std::size_t> open_{0};
  bool any_ = false;
};

template <class T>
class gathered_list final : public gathering_slot<std::vector<expected<T>>> {
  using base = gathering_slot<std::vector<expected<T>>>;

public:
  explicit gathered_list(std::vector<future<T>> from) {
    parts_.reserve(from.size());
    for (auto& each : from)
      parts_.emplace_back(*this, std::move(each));
    answers_.reserve(from.size());
  }
  void start() noexcept {
    this->expect_one(); // of this function: nothing is complete before it is through
    for (auto& each : parts_) {
      this->expect_one();
      each.await();
    }
    this->one_arrived();
  }

private:
  void finish() noexcept override {
    for (auto& each : parts_)
      answers_.push_back(each.take());
    this->complete(std::move(answers_));
  }
  void withdraw_sources(const error& why) noexcept override {
    for (auto& each : parts_)
      each.withdraw(why);
  }

  std::vector<typename base::template part<T>> parts_;
  std::vector<expected<T>> answers_;
};

template <class... Ts>
class gathered_tuple final : public gathering_slot<std::tuple<expected<Ts>...>> {
  using base = gathering_slot<std::tuple<expected<Ts>...>>;

public:
  explicit gathered_tuple(future<Ts>&&... from)
    : parts_(typename base::template part<Ts>(*this, std::move(from))...) {}
  void start() noexcept {
    this->expect_one();
    std::apply([this](auto&... each) { ((this->expect_one(), each.await()), ...); }, parts_);
    this->one_arrived();
  }

private:
  void finish() noexcept override {
    std::apply([this](auto&... each) { this->complete(std::tuple{each.take()...}); }, parts_);
  }
  void withdraw_sources(const error& why) noexcept override {
    std::apply([&why](auto&... each) { (each.withdraw(why), ...); }, parts_);
  }

  std::tuple<typename base::template part<Ts>...> parts_;
};

template <class Slot, class Result>
future<Result> start_gathering(Slot* made) {
  slot_ptr<reply_slot<Result>> answer{made};
  made->start();
  return make_future<Result>(std::move(answer));
}

} // namespace detail

/// All answers, in the order of the futures, once the last one is there. Each keeps its own error;
/// the whole is always a value, unless it is cancelled or awaited in vain: `get` gives up when the
/// latest deadline of all has passed. Continuations run where those of the first future do.
/// Cancelling it withdraws each request that has not begun. @pre every future is valid
template <class T>
[[nodiscard]] future<std::vector<expected<T>>> when_all(std::vector<future<T>> answers) {
  return detail::start_gathering<detail::gathered_list<T>, std::vector<expected<T>>>(
    new detail::gathered_list<T>(std::move(answers)));
}

/// The same for answers of different types.
template <class... Ts>
[[nodiscard]] future<std::tuple<expected<Ts>...>> when_all(future<Ts>... answers) {
  return detail::start_gathering<detail::gathered_tuple<Ts...>, std::tuple<expected<Ts>...>>(
    new detail::gathered_tuple<Ts...>(std::move(answers)...));
}

} // namespace cortex
