#include "cortex/kv_cache/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace cortex::kv_cache {
namespace {

struct stat_line {
  char state = '?';
  std::uint64_t started = 0;
};

// proc(5): `pid (comm) state ppid …`, the start time is field 22. A name may hold anything.
std::optional<stat_line> read_stat(std::int64_t pid) noexcept {
  std::array<char, 32> path{"/proc/"};
  auto* end = std::to_chars(path.data() + 6, path.data() + 26, pid).ptr;
  std::string_view{"/stat"}.copy(end, 5);
  const int file = ::open(path.data(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return std::nullopt;
  std::array<char, 1024> text{};
  const auto size = ::read(file, text.data(), text.size());
  ::close(file);
  if (size <= 0)
    return std::nullopt;
  std::string_view rest{text.data(), static_cast<std::size_t>(size)};
  const auto name_end = rest.rfind(')');
  if (name_end == rest.npos || name_end + 2 >= rest.size())
    return std::nullopt;
  rest.remove_prefix(name_end + 2);
  stat_line out{rest.front(), 0};
  for (int field = 3; field < 22; ++field) {
    const auto blank = rest.find(' ');
    if (blank == rest.npos)
      return std::nullopt;
    rest.remove_prefix(blank + 1);
  }
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), out.started);
  return parsed.ec == std::errc{} ? std::optional{out} : std::nullopt;
}

} // namespace

process_identity this_process() noexcept {
  const std::int64_t pid = ::getpid();
  const auto line = read_stat(pid);
  return {pid, line ? line->started : 0};
}

bool is_alive(const process_identity& who) noexcept {
  constexpr std::int64_t largest = 1 << 30; // pids are below 2^22
  if (who.pid <= 0 || who.pid > largest)
    return false;
  if (const auto line = read_stat(who.pid))
    return line->started == who.started && line->state != 'Z' && line->state != 'X';
  return ::kill(static_cast<pid_t>(who.pid), 0) == 0 || errno == EPERM;
}

} // namespace cortex::kv_cache
