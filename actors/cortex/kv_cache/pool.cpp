#include "cortex/kv_cache/attached_pool.hpp"
#include "cortex/text/digest.hpp"

#include <array>
#include <cstring>
#include <utility>

namespace cortex::kv_cache {

block_hash hash_block(const block_hash& parent, std::span<const std::int64_t> tokens) noexcept {
  // Each part is a digest of fixed length: no two lists of tokens read as the same bytes.
  const auto own = text::sha256(
    {reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(std::int64_t)});
  std::array<char, 64> both{};
  std::memcpy(both.data(), parent.data(), parent.size());
  std::memcpy(both.data() + parent.size(), own.data(), own.size());
  return text::sha256({both.data(), both.size()});
}

// -- pin ------------------------------------------------------------------------------------------

pin& pin::operator=(pin&& other) noexcept {
  pin ended{std::move(*this)};
  of_ = std::move(other.of_);
  at_ = other.at_;
  serial_ = other.serial_;
  return *this;
}

pin::~pin() {
  try {
    static_cast<void>(release());
  } catch (...) { // no memory: the deadline ends it
  }
}

expected<void> pin::release() {
  const auto of = std::exchange(of_, nullptr);
  return of == nullptr ? expected<void>{} : of->unpin({at_, serial_});
}

// -- pool -----------------------------------------------------------------------------------------

expected<pool> pool::attach(const std::string& segment, const attach_options& options) {
  auto core = detail::attached_pool::open(segment, options);
  if (!core)
    return unexpected{std::move(core).error()};
  return pool{*std::move(core)};
}

expected<allocation> pool::allocate(const allocation_request& what) const {
  pin_name pinned;
  auto made = core_->change([&](block_pool& books) -> expected<made_sequence> {
    auto out = books.allocate({what.id, what.bytes, what.tokens, what.prefix}, core_->now());
    if (!out || what.pin_for.count() <= 0)
      return out;
    auto kept = core_->pin_now(books, what.id, what.pin_for);
    if (!kept) {
      static_cast<void>(books.release(what.id));
      return unexpected{std::move(kept).error()};
    }
    pinned = *kept;
    return out;
  });
  if (!made)
    return unexpected{std::move(made).error()};
  allocation out{made->offset, made->shared_blocks, std::move(made->evicted)};
  if (pinned.at != none)
    out.pinned = core_->hold(pinned);
  return out;
}

expected<std::vector<std::int64_t>> pool::append(std::int64_t id, std::uint64_t bytes,
                                                 std::int64_t tokens) const {
  return core_->change(
    [&](block_pool& books) { return books.append(id, bytes, tokens, core_->now()); });
}

expected<void> pool::fork(std::int64_t from, std::int64_t to) const {
  return core_->change([&](block_pool& books) { return books.fork(from, to, core_->now()); });
}

expected<void> pool::release(std::int64_t id) const {
  return core_->change([&](block_pool& books) { return books.release(id); });
}

expected<std::optional<sequence>> pool::lookup(std::int64_t id) const {
  return core_->change([&](block_pool& books) -> expected<std::optional<sequence>> {
    return books.lookup(id, core_->now());
  });
}

expected<std::vector<sequence>> pool::sequences() const {
  return core_->run(
    [](block_pool& books) -> expected<std::vector<sequence>> { return books.sequences(); });
}

expected<std::vector<std::uint64_t>> pool::blocks_of(std::int64_t id) const {
  auto blocks = core_->run([&](block_pool& books) { return books.blocks_of(id); });
  if (!blocks)
    return unexpected{std::move(blocks).error()};
  std::vector<std::uint64_t> offsets;
  for (const auto each : *blocks)
    offsets.push_back(each * block_bytes());
  return offsets;
}

expected<pin> pool::pin(std::int64_t id, std::chrono::nanoseconds within) const {
  auto named = core_->run([&](block_pool& books) { return core_->pin_now(books, id, within); });
  if (!named)
    return unexpected{std::move(named).error()};
  return core_->hold(*named);
}

expected<void> pool::write(std::int64_t id, std::uint64_t offset,
                           std::span<const std::byte> bytes) const {
  return core_->change(
    [&](block_pool& books) { return books.write(id, offset, bytes, core_->now()); });
}

expected<void> pool::read(std::int64_t id, std::uint64_t offset, std::span<std::byte> bytes) const {
  return core_->run([&](block_pool& books) { return books.read(id, offset, bytes); });
}

expected<std::span<std::byte>> pool::writable_block(std::int64_t id, std::uint32_t position) const {
  auto block
    = core_->change([&](block_pool& books) { return books.own_block(id, position, core_->now()); });
  if (!block)
    return unexpected{std::move(block).error()};
  return core_->of().books().bytes_of(*block); // checked when it was found
}

expected<void> pool::seal(std::int64_t id, std::uint32_t first,
                          std::span<const block_hash> hashes) const {
  return core_->run([&](block_pool& books) { return books.seal(id, first, hashes); });
}

std::span<const std::byte> pool::data() const noexcept {
  return core_->of().data();
}
std::uint64_t pool::block_bytes() const noexcept {
  return core_->of().fixed().block_bytes;
}
eviction_policy pool::policy() const noexcept {
  return core_->of().policy();
}
const std::string& pool::segment() const noexcept {
  return core_->of().name();
}

expected<usage> pool::usage() const {
  return core_->run([](block_pool& books) -> expected<kv_cache::usage> { return books.usage(); });
}

expected<pool_statistics> pool::stats() const {
  return core_->run([](block_pool& books) -> expected<pool_statistics> { return books.stats(); });
}

expected<std::uint64_t> pool::reclaim() const {
  return core_->run(
    [&](block_pool& books) -> expected<std::uint64_t> { return books.reclaim(core_->now()); });
}

expected<std::vector<std::string>> pool::check() const {
  return core_->run(
    [](block_pool& books) -> expected<std::vector<std::string>> { return books.check(); });
}

} // namespace cortex::kv_cache
