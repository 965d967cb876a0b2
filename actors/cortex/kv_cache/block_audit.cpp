// The check that the books of a pool agree with each other.
#include "cortex/kv_cache/block_pool.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace cortex::kv_cache {
namespace {

/// Counts what the sequences and pins say and looks whether the books say the same.
class audit {
public:
  audit(const tables& in, const block_list& blocks, const sequence_table& sequences)
    : in_(in),
      shape_(in.shape()),
      live_(in.live()),
      blocks_(blocks),
      sequences_(sequences),
      references_(shape_.blocks),
      block_pins_(shape_.blocks),
      filled_(shape_.blocks),
      sequence_pins_(shape_.sequences) {}

  std::vector<std::string> run() {
    try {
      expect(live_.undo.valid == 0, "a change is half done");
      count_pins();
      for (std::uint32_t at = 0; at < shape_.sequences; ++at)
        if (in_.sequence(at).live != 0)
          check_sequence(at);
      check_blocks();
      check_lists();
      check_order();
    } catch (const damaged& broken) {
      wrong_.emplace_back(broken.what());
    }
    return std::move(wrong_);
  }

private:
  void expect(bool good, std::string what) {
    if (!good)
      wrong_.push_back(std::move(what));
  }

  void count_pins() {
    for (std::uint32_t at = 0; at < shape_.pins; ++at) {
      const auto& pin = in_.pin(at);
      const auto sequence = pin.sequence;
      if (pin.live == 0)
        continue;
      expect(in_.sequence(sequence).live != 0, "a pin without a sequence");
      ++sequence_pins_[sequence];
      ++live_pins_;
    }
  }

  void check_sequence(std::uint32_t at) {
    const auto& record = in_.sequence(at);
    const auto name = "sequence " + std::to_string(record.id);
    ++live_sequences_;
    expect(sequences_.find(record.id) == at, name + " is not found by its id");
    expect(record.pins == sequence_pins_[at], name + " has a wrong number of pins");
    expect((record.pins == 0) == (record.heap_at < live_.heap_size), name + ": order of eviction");
    std::uint32_t links = 0;
    auto last = none;
    auto left = record.size_bytes;
    for (auto link = record.head; link != none; link = in_.link(link).next) {
      if (++links > shape_.blocks)
        throw damaged{"a sequence has a ring"};
      last = link;
      expect(left > 0, name + " has more blocks than bytes");
      count_block(in_.link(link).block, left, record.pins > 0);
      left -= std::min(left, shape_.block_bytes);
    }
    expect(left == 0, name + " has more bytes than blocks");
    expect(links == record.blocks && last == record.tail, name + " has a wrong end");
    links_ += links;
    pinned_links_ += record.pins > 0 ? links : 0;
  }

  void count_block(std::uint32_t at, std::uint64_t bytes, bool pinned) {
    if (at >= shape_.blocks)
      throw damaged{"a block that is not there"};
    ++references_[at];
    block_pins_[at] += pinned ? 1 : 0;
    filled_[at] = std::max(filled_[at], std::min(bytes, shape_.block_bytes));
  }

  void check_blocks() {
    std::uint64_t filled = 0;
    std::uint32_t cached = 0;
    std::uint32_t shared = 0;
    std::uint32_t pinned = 0;
    for (std::uint32_t at = 0; at < shape_.blocks; ++at) {
      const auto& block = in_.block(at);
      const auto name = "block " + std::to_string(at);
      expect(block.references == references_[at], name + " has a wrong number of references");
      expect(block.references == 0 || block.pins == block_pins_[at], name + ": number of pins");
      expect(block.filled >= filled_[at], name + " is filled wrongly");
      expect(block.sealed == 0 || blocks_.find(block.hash) == at, name + " is not in the index");
      filled += block.filled;
      free_ += block.references == 0 ? 1 : 0;
      cached += block.references == 0 && block.sealed != 0 ? 1 : 0;
      shared += block.references > 1 ? 1 : 0;
      pinned += block_pins_[at] > 0 ? 1 : 0;
    }
    expect(filled == live_.filled_bytes, "filled bytes");
    expect(free_ == live_.free_blocks, "number of free blocks");
    expect(cached == live_.cached_blocks, "number of cached blocks");
    expect(shared == live_.shared_blocks, "number of shared blocks");
    expect(pinned == live_.pinned_blocks, "number of pinned blocks");
  }

  template <class Next>
  static std::uint32_t length(std::uint32_t at, std::uint32_t limit, Next next) {
    std::uint32_t count = 0;
    for (; at != none; at = next(at))
      if (++count > limit)
        throw damaged{"a list has a ring"};
    return count;
  }

  void check_lists() {
    const auto blocks = length(live_.free_block_head, shape_.blocks,
                               [this](std::uint32_t at) { return in_.block(at).next; });
    expect(blocks == free_, "list of free blocks");
    const auto links = length(live_.free_link_head, shape_.links,
                              [this](std::uint32_t at) { return in_.link(at).next; });
    expect(links == live_.free_links && links + links_ == shape_.links, "list of free links");
    const auto sequences = length(live_.free_sequence_head, shape_.sequences,
                                  [this](std::uint32_t at) { return in_.sequence(at).next; });
    expect(live_sequences_ == live_.sequences && sequences + live_sequences_ == shape_.sequences,
           "list of free sequences");
    const auto pins = length(live_.free_pin_head, shape_.pins,
                             [this](std::uint32_t at) { return in_.pin(at).next; });
    expect(pins + live_pins_ == shape_.pins, "list of free pins");
  }

  void check_order() {
    expect(live_.heap_size + live_.pinned_sequences == live_.sequences, "pinned sequences");
    expect(pinned_links_ == live_.pinned_links, "pinned links");
    for (std::uint32_t at = 1; at < live_.heap_size; ++at)
      expect(!sequences_.before(in_.sequence(in_.heap(at)), in_.sequence(in_.heap((at - 1) / 2))),
             "order of eviction");
  }

  const tables& in_;
  const geometry& shape_;
  const live_header& live_;
  const block_list& blocks_;
  const sequence_table& sequences_;
  std::vector<std::uint32_t> references_;
  std::vector<std::uint32_t> block_pins_;
  std::vector<std::uint64_t> filled_;
  std::vector<std::uint32_t> sequence_pins_;
  std::uint32_t links_ = 0;
  std::uint32_t pinned_links_ = 0;
  std::uint32_t live_sequences_ = 0;
  std::uint32_t live_pins_ = 0;
  std::uint32_t free_ = 0;
  std::vector<std::string> wrong_;
};

} // namespace

std::vector<std::string> block_pool::check() const {
  return audit{in_, blocks_, sequences_}.run();
}

} // namespace cortex::kv_cache
