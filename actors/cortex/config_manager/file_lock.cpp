#include "cortex/clock.hpp"
#include "cortex/config_manager/files.hpp"
#include "cortex/detail/system_error.hpp"
#include "cortex/doorbell.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>

namespace cortex::config_manager {
namespace {

using namespace std::chrono_literals;

constexpr mode_t private_file = 0600;

// Who holds the lock writes its number into the file.
void sign(int file) noexcept {
  std::array<char, 24> text{};
  auto* end = std::to_chars(text.data(), text.data() + 20, ::getpid()).ptr;
  *end++ = '\n';
  const auto size = static_cast<std::size_t>(end - text.data());
  // For people; the lock holds without it.
  if (::pwrite(file, text.data(), size, 0) == static_cast<ssize_t>(size))
    static_cast<void>(::ftruncate(file, static_cast<off_t>(size)));
}

std::string holder(int file) {
  std::array<char, 24> text{};
  const auto size = ::pread(file, text.data(), text.size(), 0);
  int number = 0;
  if (size > 0)
    std::from_chars(text.data(), text.data() + size, number);
  return number > 0 ? "process " + std::to_string(number) : "another process";
}

cortex::detail::descriptor open_lock(const std::string& name) noexcept {
  return cortex::detail::descriptor{
    ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, private_file)};
}

/// Whether the name is still that of the open file.
bool has_name(int file, const std::string& name) noexcept {
  struct stat opened {};
  struct stat named {};
  return ::fstat(file, &opened) == 0 && ::lstat(name.c_str(), &named) == 0
         && opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/// Pauses that a request to stop cuts short.
class pauses {
public:
  explicit pauses(std::stop_token stop) : tell_(std::move(stop), rouse{word_}) {}
  void pause_until(monotonic_time until) noexcept {
    while (word_.load() == 0 && cortex::detail::futex_wait(word_, 0, until)) {
    }
  }

private:
  struct rouse {
    std::atomic<std::uint32_t>& word;
    void operator()() const noexcept {
      word.store(1);
      cortex::detail::futex_wake_all(word);
    }
  };
  std::atomic<std::uint32_t> word_{0};
  std::stop_callback<rouse> tell_;
};

} // namespace

expected<file_lock> file_lock::acquire(const std::string& path, std::chrono::milliseconds patience,
                                       std::stop_token stop) {
  const auto name = path + ".lock";
  auto file = open_lock(name);
  if (!file)
    return cortex::detail::system_failure("cannot open '" + name + "'");
  const auto& clock = system_monotonic_clock();
  const auto until = deadline_after(clock.now(), patience);
  pauses between{stop};
  // The kernel's own wait cannot be ended in time, so it is asked again and again.
  for (auto wait = 1ms;; wait = std::min(wait * 2, 8ms)) {
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
      if (has_name(file.get(), name))
        break;
      file = open_lock(name); // somebody took it away: others lock the new one
      if (!file)
        return cortex::detail::system_failure("cannot open '" + name + "'");
    } else if (errno != EWOULDBLOCK && errno != EINTR) {
      return cortex::detail::system_failure("cannot lock '" + name + "'");
    }
    if (stop.stop_requested())
      return fail(errc::closed, "the runtime stops");
    const auto now = clock.now();
    if (now >= until)
      return fail(errc::in_use, "'" + path + "' is being changed by " + holder(file.get()));
    between.pause_until(std::min(until, now + wait));
  }
  sign(file.get());
  return file_lock{std::move(file)};
}

file_lock::~file_lock() {
  // By name: a forked child may have a copy of the descriptor.
  if (file_)
    static_cast<void>(::flock(file_.get(), LOCK_UN));
}

} // namespace cortex::config_manager
