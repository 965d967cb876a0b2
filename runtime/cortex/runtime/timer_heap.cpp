#include "cortex/runtime/timer_heap.hpp"

#include <new>

namespace cortex::detail {

void timer_heap::push(timer& what, monotonic_time due) {
  order_.push_back(&what);
  what.due_ = due;
  rise(order_.size() - 1, what);
}

bool timer_heap::remove(timer& what) noexcept {
  if (what.place_ >= order_.size() || order_[what.place_] != &what)
    return false;
  take_out(what.place_);
  return true;
}

timer* timer_heap::pop_due(monotonic_time now) noexcept {
  if (order_.empty() || order_.front()->due_ > now)
    return nullptr;
  auto* first = order_.front();
  take_out(0);
  return first;
}

void timer_heap::take_out(std::size_t place) noexcept {
  order_[place]->place_ = timer::nowhere;
  auto& last = *order_.back();
  order_.pop_back();
  if (place < order_.size()) {
    if (place != 0 && last.due_ < order_[(place - 1) / 2]->due_)
      rise(place, last);
    else
      sink(place, last);
  }
  constexpr std::size_t small = 1024; // what is kept for good
  if (order_.capacity() > small && order_.size() < order_.capacity() / 8) {
    try {
      std::vector<timer*> fewer;
      fewer.reserve(order_.capacity() / 4);
      fewer.assign(order_.begin(), order_.end());
      order_.swap(fewer);
    } catch (const std::bad_alloc&) { // NOLINT(bugprone-empty-catch): it stays as large as it is
    }
  }
}

void timer_heap::put(std::size_t place, timer& what) noexcept {
  order_[place] = &what;
  what.place_ = place;
}

void timer_heap::rise(std::size_t place, timer& what) noexcept {
  while (place != 0) {
    const auto above = (place - 1) / 2;
    if (order_[above]->due_ <= what.due_)
      break;
    put(place, *order_[above]);
    place = above;
  }
  put(place, what);
}

void timer_heap::sink(std::size_t place, timer& what) noexcept {
  for (;;) {
    auto below = 2 * place + 1;
    if (below >= order_.size())
      break;
    if (below + 1 < order_.size() && order_[below + 1]->due_ < order_[below]->due_)
      ++below;
    if (what.due_ <= order_[below]->due_)
      break;
    put(place, *order_[below]);
    place = below;
  }
  put(place, what);
}

} // namespace cortex::detail
