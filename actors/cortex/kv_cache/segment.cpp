#include "cortex/kv_cache/segment.hpp"

#include "cortex/detail/system_error.hpp"
#include "cortex/kv_cache/block_pool.hpp"
#include "cortex/kv_cache/process.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <new>
#include <tuple>

namespace cortex::kv_cache {
namespace {

constexpr std::string_view data_prefix = "cortex_kv_";
constexpr std::string_view books_prefix = "cortex_kvm_";
constexpr std::size_t longest_name = 255; // NAME_MAX

// As shm_open does, in a folder that may be another one.
constexpr int open_flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

expected<descriptor> open_directory(const std::string& directory) {
  const int number = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (number < 0)
    return cortex::detail::system_failure("'" + directory + "'");
  return descriptor{number};
}

/// A file without a name whose space is reserved.
expected<descriptor> make_file(const descriptor& directory, std::uint64_t bytes) {
  descriptor file{::openat(directory.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
  if (file.get() < 0)
    return cortex::detail::system_failure("a new segment");
  // Not by ftruncate alone: who writes to a page for which there is no memory gets SIGBUS.
  int problem = 0;
  do
    problem = ::posix_fallocate(file.get(), 0, static_cast<off_t>(bytes));
  while (problem == EINTR);
  if (problem != 0)
    return cortex::detail::system_failure("a segment of " + std::to_string(bytes) + " bytes",
                                          problem);
  return file;
}

expected<descriptor> open_file(const descriptor& directory, const std::string& name) {
  descriptor file{::openat(directory.get(), name.c_str(), open_flags)};
  if (file.get() < 0)
    return cortex::detail::system_failure("segment '" + name + "'");
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0)
    return cortex::detail::system_failure("segment '" + name + "'");
  if (!S_ISREG(facts.st_mode))
    return fail(errc::corrupt, "segment '" + name + "' is no regular file");
  if (facts.st_uid != ::geteuid() || (facts.st_mode & 077U) != 0)
    return fail(errc::permission, "segment '" + name + "' is not this user's alone");
  return file;
}

std::uint64_t size_of(const descriptor& file) {
  struct stat facts {};
  return ::fstat(file.get(), &facts) == 0 ? static_cast<std::uint64_t>(facts.st_size) : 0;
}

expected<void> link_file(const descriptor& file, const descriptor& directory,
                         const std::string& name) {
  const auto path = "/proc/self/fd/" + std::to_string(file.get());
  if (::linkat(AT_FDCWD, path.c_str(), directory.get(), name.c_str(), AT_SYMLINK_FOLLOW) != 0)
    return cortex::detail::system_failure("segment '" + name + "'");
  return {};
}

void make_lock(pthread_mutex_t& lock) {
  pthread_mutexattr_t kind;
  if (::pthread_mutexattr_init(&kind) != 0)
    throw std::bad_alloc{};
  ::pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
  ::pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
  ::pthread_mutex_init(&lock, &kind);
  ::pthread_mutexattr_destroy(&kind);
}

/// What the header says, if it is one of ours and undamaged.
expected<geometry> shape_of(const fixed_header& fixed, std::uint64_t segment_bytes,
                            const std::string& name) {
  if (fixed.magic != magic)
    return fail(errc::corrupt, "segment '" + name + "' has no header of a pool");
  if (fixed.version > format_version)
    return fail(errc::newer_format,
                "segment '" + name + "' has format " + std::to_string(fixed.version));
  if (fixed.checksum != checksum_of(fixed) || fixed.header_bytes != sizeof(segment_header)
      || fixed.version != format_version
      || fixed.policy > static_cast<std::uint32_t>(eviction_policy::fifo)
      || fixed.size_bytes != segment_bytes - tail_bytes)
    return fail(errc::corrupt, "segment '" + name + "' has a damaged header");
  // A pool smaller than a block has a block of its own size.
  const auto block = fixed.block_bytes == fixed.size_bytes && fixed.size_bytes <= max_block_bytes
                       ? std::bit_ceil(std::max(fixed.size_bytes, min_block_bytes))
                       : fixed.block_bytes;
  auto shape = plan_geometry(fixed.size_bytes, block, fixed.max_sequences);
  if (!shape || shape->block_bytes != fixed.block_bytes)
    return fail(errc::corrupt, "segment '" + name + "' has a damaged header");
  return shape;
}

} // namespace

// -- names ----------------------------------------------------------------------------------------

std::string segment_name(std::string_view pool) {
  return std::string{data_prefix} + std::string{pool};
}

expected<std::string> books_name(const std::string& segment) {
  const auto rest = std::string_view{segment}.substr(std::min(segment.size(), data_prefix.size()));
  auto out = std::string{books_prefix} + std::string{rest};
  if (!segment.starts_with(data_prefix) || rest.empty() || out.size() > longest_name
      || rest.find('/') != rest.npos || rest.find('\0') != rest.npos)
    return fail(errc::invalid_argument, "no name of a pool's segment");
  return out;
}

// -- descriptor, mapping --------------------------------------------------------------------------

descriptor::~descriptor() {
  if (number_ >= 0)
    ::close(number_);
}

mapping::~mapping() {
  if (!bytes_.empty())
    ::munmap(bytes_.data(), bytes_.size());
}

expected<mapping> mapping::of(const descriptor& file, std::uint64_t bytes) {
  void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (at == MAP_FAILED)
    return cortex::detail::system_failure("mapping " + std::to_string(bytes) + " bytes");
  mapping out;
  out.bytes_ = {static_cast<std::byte*>(at), bytes};
  return out;
}

// -- segment --------------------------------------------------------------------------------------

expected<segment> segment::make(const std::string& directory, const segment_plan& plan) {
  auto folder = open_directory(directory);
  if (!folder)
    return unexpected{std::move(folder).error()};
  segment out;
  out.name_ = plan.name;
  for (auto [bytes, file, mapped] :
       {std::tuple{plan.shape.segment_bytes(), &out.data_file_, &out.data_},
        std::tuple{plan.shape.books_bytes, &out.books_file_, &out.books_bytes_}}) {
    auto made = make_file(*folder, bytes);
    if (!made)
      return unexpected{std::move(made).error()};
    *file = *std::move(made);
    auto at = mapping::of(*file, bytes);
    if (!at)
      return unexpected{std::move(at).error()};
    *mapped = *std::move(at);
  }
  out.books_ = std::make_unique<tables>(plan.shape, out.data_.bytes(), out.books_bytes_.bytes());
  out.set_up(plan);
  return out;
}

void segment::set_up(const segment_plan& plan) {
  fixed_.magic = magic;
  fixed_.version = format_version;
  fixed_.header_bytes = sizeof(segment_header);
  fixed_.size_bytes = plan.shape.size_bytes;
  fixed_.block_bytes = plan.shape.block_bytes;
  fixed_.max_sequences = plan.max_sequences;
  fixed_.policy = static_cast<std::uint32_t>(plan.policy);
  if (::getrandom(fixed_.id.data(), fixed_.id.size(), 0) < 0)
    fixed_.id.fill(0); // only tells segments of one name apart
  fixed_.registry = plan.registry;
  fixed_.creator = this_process();
  fixed_.base_hits = plan.base_hits;
  fixed_.base_misses = plan.base_misses;
  fixed_.checksum = checksum_of(fixed_);

  auto* header = new (&books_->header()) segment_header{};
  make_lock(header->live.lock);
  block_pool{*books_, plan.policy, is_alive}.format();
  new (books_bytes_.bytes().data())
    books_header{magic, format_version, 0, fixed_.id, fixed_.registry, fixed_.creator};
  header->fixed = fixed_;
}

expected<segment> segment::open(const std::string& directory, const std::string& name) {
  auto books = books_name(name);
  if (!books)
    return unexpected{std::move(books).error()};
  auto folder = open_directory(directory);
  if (!folder)
    return unexpected{std::move(folder).error()};
  segment out;
  out.name_ = name;
  auto data = open_file(*folder, name);
  if (!data)
    return unexpected{std::move(data).error()};
  out.data_file_ = *std::move(data);
  const auto bytes = size_of(out.data_file_);
  if (bytes <= tail_bytes)
    return fail(errc::corrupt, "segment '" + name + "' is too short for a pool");

  // Read, not mapped: a file that somebody makes shorter meanwhile must not end this process.
  const auto header_at = (bytes - tail_bytes + 63) / 64 * 64;
  fixed_header fixed;
  if (::pread(out.data_file_.get(), &fixed, sizeof fixed, static_cast<off_t>(header_at))
      != sizeof fixed)
    return fail(errc::corrupt, "segment '" + name + "' is too short for a pool");
  auto shape = shape_of(fixed, bytes, name);
  if (!shape)
    return unexpected{std::move(shape).error()};
  out.fixed_ = fixed;

  auto opened = open_file(*folder, *books);
  if (!opened && opened.error().code == errc::not_found)
    return fail(errc::corrupt, "segment '" + *books + "' is missing");
  if (!opened)
    return unexpected{std::move(opened).error()};
  out.books_file_ = *std::move(opened);
  books_header head;
  if (size_of(out.books_file_) != shape->books_bytes
      || ::pread(out.books_file_.get(), &head, sizeof head, 0) != sizeof head || head.magic != magic
      || head.id != fixed.id)
    return fail(errc::corrupt, "segment '" + *books + "' belongs to another pool");
  for (auto [size, file, mapped] :
       {std::tuple{bytes, &out.data_file_, &out.data_},
        std::tuple{shape->books_bytes, &out.books_file_, &out.books_bytes_}}) {
    auto at = mapping::of(*file, size);
    if (!at)
      return unexpected{std::move(at).error()};
    *mapped = *std::move(at);
  }
  out.books_ = std::make_unique<tables>(*shape, out.data_.bytes(), out.books_bytes_.bytes());
  if (out.retired())
    return fail(errc::closed, "segment '" + name + "' is about to be removed");
  return out;
}

// The data last: who finds its name finds the books.
expected<void> segment::publish_as(const std::string& directory) const {
  auto books = books_name(name_);
  if (!books)
    return unexpected{std::move(books).error()};
  auto folder = open_directory(directory);
  if (!folder)
    return unexpected{std::move(folder).error()};
  if (auto linked = link_file(books_file_, *folder, *books); !linked)
    return linked;
  auto linked = link_file(data_file_, *folder, name_);
  if (!linked)
    ::unlinkat(folder->get(), books->c_str(), 0);
  return linked;
}

void segment::retire() const noexcept {
  __atomic_store_n(&books_->live().retired, 1, __ATOMIC_RELEASE);
}

bool segment::retired() const noexcept {
  return __atomic_load_n(&books_->live().retired, __ATOMIC_ACQUIRE) != 0;
}

std::uint64_t segment::changes() const noexcept {
  return __atomic_load_n(&books_->live().changes, __ATOMIC_ACQUIRE);
}

void segment::count_change() const noexcept {
  __atomic_fetch_add(&books_->live().changes, 1, __ATOMIC_RELEASE);
}

} // namespace cortex::kv_cache
