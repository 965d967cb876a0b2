// The library in the rows of actors among themselves.
// Rerun: cortex_bench --only actor_ , --only bytes_

#include "cortex/runtime.hpp"

#include "crowd.hpp"

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace cortex::bench {
namespace {

struct token {
  using reply = void;
};
using token_handle = cortex::handle<cortex::protocol<token>>;

/// Whom tokens are handed on to; nobody at the end, for else the ring would keep itself alive.
struct neighbour {
  using reply = void;
  token_handle next;
};
using member_protocol = cortex::protocol<token, neighbour>;
using member_handle = cortex::handle<member_protocol>;

class cortex_crowd final : public actor_crowd {
public:
  explicit cortex_crowd(gate* shared) : actor_crowd(shared), host_(open_runtime()) {}
  ~cortex_crowd() override {
    for (const auto& each : members_)
      (void)each.call(neighbour{});
    members_.clear();
    if (const auto stopped = host_.stop(); !stopped && shared() != nullptr)
      shared()->explain(to_string(stopped.error()));
  }

  void start_ring() override {
    for (unsigned i = 0; i < ring_size; ++i)
      members_.push_back(make());
    for (unsigned i = 0; i < ring_size; ++i)
      members_[i].tell(neighbour{members_[(i + 1) % ring_size]});
    for (unsigned i = 0; i < token_count; ++i)
      members_[i % ring_size].tell(token{});
  }

  void start_brood() override {
    for (unsigned i = 0; i < brood_size; ++i)
      make().tell(token{});
  }

  void keep_idle(std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i) {
      members_.push_back(make());
      members_.back().tell(token{});
    }
  }

private:
  class member {
  public:
    using protocol = member_protocol;

    explicit member(cortex_crowd& crowd) : crowd_(crowd) {}
    member(const member&) = delete;
    member& operator=(const member&) = delete;
    ~member() { crowd_.note_ended(); }
    void operator()(token& what) {
      crowd_.note_handled();
      if (next_.valid() && !crowd_.over())
        next_.tell(what);
    }
    void operator()(neighbour& who) { next_ = std::move(who.next); }

  private:
    cortex_crowd& crowd_;
    token_handle next_;
  };

  static runtime open_runtime() {
    auto opened = runtime::open();
    if (!opened)
      throw std::runtime_error{to_string(opened.error())};
    return *std::move(opened);
  }

  member_handle make() {
    auto made = host_.spawn<member>("member-" + std::to_string(++made_),
                                    [this] { return std::make_unique<member>(*this); });
    if (!made)
      throw std::runtime_error{to_string(made.error())};
    return *std::move(made);
  }

  runtime host_;
  std::uint64_t made_ = 0;
  std::vector<member_handle> members_;
};

} // namespace

std::unique_ptr<actor_crowd> make_cortex_crowd(gate* shared) {
  return std::make_unique<cortex_crowd>(shared);
}

} // namespace cortex::bench
