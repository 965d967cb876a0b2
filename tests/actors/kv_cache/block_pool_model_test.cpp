// Random operations beside a model that is too simple to be wrong: whole contents in vectors, and
// victims by sorting. The books are checked after each one.
#include "memory_pool.hpp"

#include <map>
#include <random>
#include <tuple>

namespace testing = cortex::testing;
namespace kv = cortex::kv_cache;
using kv::eviction_policy;
using testing::memory_pool;

namespace {

struct model_sequence {
  std::vector<std::byte> content;
  double created = 0.0;
  double accessed = 0.0;
  std::int64_t count = 0;
  std::optional<kv::pin_name> pin;
};

class model {
public:
  model(eviction_policy policy, std::uint64_t seed)
    : policy_(policy), random_(seed), t_(24, 9, policy) {
    lease_ = t_.pool.take_lease({1, 1}, 0.0).value();
  }

  void step() {
    if (below(3) != 0) // stamps are often equal
      ++t_.now;
    const auto id = static_cast<std::int64_t>(below(14));
    switch (below(9)) {
      case 0:
      case 1: allocate(id); break;
      case 2: append(id); break;
      case 3: fork(id, static_cast<std::int64_t>(below(14))); break;
      case 4: release(id); break;
      case 5: write(id); break;
      case 6: lookup(id); break;
      case 7: pin(id); break;
      default: seal(id);
    }
    compare();
  }

private:
  std::uint64_t below(std::uint64_t end) {
    return std::uniform_int_distribution<std::uint64_t>{0, end - 1}(random_);
  }

  /// Whether these made room in the right order; then they are gone.
  void evict(const std::vector<std::int64_t>& ids, std::optional<std::int64_t> kept = {}) {
    for (const auto id : ids) {
      std::map<std::tuple<double, double, std::int64_t>, std::int64_t> order;
      for (const auto& [each, is] : sequences_) {
        if (is.pin || each == kept)
          continue;
        if (policy_ == eviction_policy::lru)
          order[{is.accessed, 0.0, each}] = each;
        else if (policy_ == eviction_policy::lfu)
          order[{static_cast<double>(is.count), is.accessed, each}] = each;
        else
          order[{is.created, 0.0, each}] = each;
      }
      REQUIRE_FALSE(order.empty());
      REQUIRE(id == order.begin()->second);
      sequences_.erase(id);
    }
  }

  void allocate(std::int64_t id) {
    const auto bytes = 1 + below(6 * memory_pool::block_bytes);
    std::vector<kv::block_hash> prefix;
    for (std::uint64_t i = 0; i < bytes / memory_pool::block_bytes; ++i)
      prefix.push_back(known_.empty() ? testing::hash_of(0) : known_[below(known_.size())]);
    const auto made = t_.pool.allocate({id, bytes, 0, prefix}, t_.now);
    if (!made) {
      CHECK((sequences_.contains(id) || made.error() == cortex::errc::no_space));
      return;
    }
    evict(made->evicted);
    auto& is = sequences_[id];
    is = {std::vector<std::byte>(bytes), t_.now, t_.now, 0, {}};
    for (std::uint64_t i = 0; i < made->shared_blocks; ++i)
      REQUIRE(contents_.contains(prefix[i]));
    for (std::uint64_t i = 0; i < made->shared_blocks; ++i)
      std::ranges::copy(contents_[prefix[i]],
                        is.content.begin()
                          + static_cast<std::ptrdiff_t>(i * memory_pool::block_bytes));
    const auto fresh = made->shared_blocks * memory_pool::block_bytes;
    if (fresh < bytes) // what was there before
      fill(id, fresh, bytes - fresh);
  }

  void fill(std::int64_t id, std::uint64_t from, std::uint64_t bytes) {
    std::vector<std::byte> in(bytes);
    for (auto& each : in)
      each = static_cast<std::byte>(below(256));
    const auto written = t_.pool.write(id, from, in, t_.now);
    if (!written) {
      REQUIRE(written.error() == cortex::errc::no_space);
      return;
    }
    std::ranges::copy(in, sequences_[id].content.begin() + static_cast<std::ptrdiff_t>(from));
    touch(id);
  }

  void touch(std::int64_t id) {
    auto& is = sequences_[id];
    is.accessed = std::max(is.accessed, t_.now);
  }

  void append(std::int64_t id) {
    const auto bytes = below(2 * memory_pool::block_bytes);
    const auto grown = t_.pool.append(id, bytes, 0, t_.now);
    if (!grown)
      return;
    evict(*grown, id);
    auto& content = sequences_.at(id).content;
    const auto from = content.size();
    content.resize(from + bytes);
    touch(id);
    std::vector<std::byte> there(bytes);
    REQUIRE(t_.pool.read(id, from, there));
    std::ranges::copy(there, content.begin() + static_cast<std::ptrdiff_t>(from));
  }

  void fork(std::int64_t from, std::int64_t to) {
    const auto before = t_.pool.sequences();
    if (!t_.pool.fork(from, to, t_.now))
      return;
    const auto after = t_.ids();
    for (const auto& each : before)
      if (std::ranges::find(after, each.id) == after.end())
        sequences_.erase(each.id); // who made room is not told; the other tests look at the order
    touch(from);
    sequences_[to] = {sequences_.at(from).content, t_.now, t_.now, 0, {}};
  }

  void release(std::int64_t id) {
    if (t_.pool.release(id))
      sequences_.erase(id);
    else
      CHECK((!sequences_.contains(id) || sequences_[id].pin));
  }

  void write(std::int64_t id) {
    const auto found = sequences_.find(id);
    if (found == sequences_.end())
      return;
    const auto before = t_.ids();
    const auto size = found->second.content.size();
    const auto from = below(size);
    fill(id, from, 1 + below(size - from));
    const auto after = t_.ids();
    for (const auto each : before)
      if (std::ranges::find(after, each) == after.end())
        sequences_.erase(each);
  }

  void lookup(std::int64_t id) {
    const auto found = t_.pool.lookup(id, t_.now);
    REQUIRE(found.has_value() == sequences_.contains(id));
    if (!found)
      return;
    touch(id);
    CHECK(found->access_count == ++sequences_[id].count);
  }

  void pin(std::int64_t id) {
    const auto found = sequences_.find(id);
    if (found == sequences_.end())
      return;
    if (found->second.pin) {
      t_.pool.unpin(*found->second.pin);
      found->second.pin.reset();
    } else {
      found->second.pin = t_.pool.pin(id, lease_, 1e18, t_.now).value();
    }
  }

  void seal(std::int64_t id) {
    const auto found = sequences_.find(id);
    if (found == sequences_.end() || found->second.content.size() < memory_pool::block_bytes)
      return;
    const auto at = below(found->second.content.size() / memory_pool::block_bytes);
    auto hash = testing::hash_of(static_cast<std::uint8_t>(known_.size()));
    hash[1] = static_cast<std::uint8_t>(known_.size() >> 8U);
    hash[2] = static_cast<std::uint8_t>(known_.size() >> 16U);
    REQUIRE(t_.pool.seal(id, static_cast<std::uint32_t>(at), testing::hash_list{hash}));
    known_.push_back(hash);
    const auto begin = found->second.content.begin()
                       + static_cast<std::ptrdiff_t>(at * memory_pool::block_bytes);
    contents_[hash] = {begin, begin + memory_pool::block_bytes};
  }

  void compare() {
    t_.require_sound();
    const auto all = t_.pool.sequences();
    REQUIRE(all.size() == sequences_.size());
    for (const auto& each : all) {
      const auto& is = sequences_.at(each.id);
      CHECK(each.created_at == is.created);
      CHECK(each.last_accessed == is.accessed);
      CHECK(each.access_count == is.count);
      std::vector<std::byte> content(static_cast<std::size_t>(each.size_bytes));
      REQUIRE(t_.pool.read(each.id, 0, content));
      REQUIRE(content == is.content);
    }
  }

  eviction_policy policy_;
  std::mt19937_64 random_;
  memory_pool t_;
  std::uint32_t lease_ = 0;
  std::map<std::int64_t, model_sequence> sequences_;
  std::vector<kv::block_hash> known_;
  std::map<kv::block_hash, std::vector<std::byte>> contents_;
};

} // namespace

TEST_CASE("random operations leave what a simple model says, and sound books",
          "[kv_cache][model]") {
  for (const auto policy : {eviction_policy::lru, eviction_policy::lfu, eviction_policy::fifo})
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
      INFO("policy " << static_cast<int>(policy) << ", seed " << seed);
      model m{policy, seed};
      for (int i = 0; i < 400; ++i)
        m.step();
    }
}
