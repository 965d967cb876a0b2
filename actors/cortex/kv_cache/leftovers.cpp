// Segments that killed processes have left behind.
#include "cortex/kv_cache/process.hpp"
#include "cortex/kv_cache/registry_core.hpp"
#include "cortex/text/digest.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>

namespace cortex::kv_cache::detail {
namespace {

constexpr std::string_view books_prefix = "cortex_kvm_";

bool in_use(const segment& of) {
  auto& live = of.books().live();
  return std::ranges::any_of(live.leases, [](const lease_record& each) {
    return each.abandoned == 0 && is_alive(each.owner);
  });
}

/// The header of books whose data are not there.
std::optional<books_header> read_books_header(const std::string& path) {
  const descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  books_header head;
  if (file.get() < 0 || ::pread(file.get(), &head, sizeof head, 0) != sizeof head
      || head.magic != magic)
    return std::nullopt;
  return head;
}

bool is_orphan(const std::string& directory, const std::string& name, std::uint64_t registry) {
  const auto head = read_books_header(directory + "/" + name);
  return head && head->registry == registry && !is_alive(head->creator);
}

} // namespace

std::uint64_t registry_id(const std::string& path) {
  if (path != ":memory:")
    return text::blake2b64(path);
  std::uint64_t id = 0;
  static_cast<void>(::getrandom(&id, sizeof id, 0));
  return id;
}

bool is_leftover(const std::string& directory, const std::string& name, std::uint64_t registry) {
  auto books = books_name(name);
  if (!books)
    return false;
  if (!segment_exists(directory, name))
    return is_orphan(directory, *books, registry);
  const auto found = segment::open(directory, name);
  if (!found && found.error().code == errc::closed) // somebody was about to remove it
    return is_orphan(directory, *books, registry);
  return found && found->fixed().registry == registry && !is_alive(found->fixed().creator)
         && !in_use(*found);
}

// By the names of the books: they come first and go last.
std::vector<std::string> sweep(const std::string& directory, std::uint64_t registry,
                               const file_content& rows) {
  std::set<std::string> wanted;
  for (const auto& each : rows.pools)
    if (each.segment)
      wanted.insert(*each.segment);
  std::vector<std::string> gone;
  std::error_code problem;
  for (std::filesystem::directory_iterator at{directory, problem}, end; !problem && at != end;
       at.increment(problem)) {
    const auto file = at->path().filename().string();
    if (!file.starts_with(books_prefix))
      continue;
    auto name = segment_name(file.substr(books_prefix.size()));
    if (wanted.contains(name) || !is_orphan(directory, file, registry))
      continue;
    if (const auto still = segment::open(directory, name))
      still->retire();
    if (remove_segments(directory, name))
      gone.push_back(std::move(name));
  }
  return gone;
}

} // namespace cortex::kv_cache::detail
