#include "cortex/process/child.hpp"

#include "cortex/detail/system_error.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

namespace cortex::process {
namespace {

/// What `posix_spawn` does in the child. *Not thread-safe*.
class plan {
public:
  plan() noexcept {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
  }
  plan(const plan&) = delete;
  plan& operator=(const plan&) = delete;
  ~plan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  /// 0, or what went wrong.
  int prepare(int output, int errors) noexcept {
    // A session of its own has no terminal: what would ask for a password fails instead of waiting.
    // Its signals are those of a fresh process, whatever the host blocks or ignores.
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    constexpr short flags = POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    for (const int problem : {
           ::posix_spawnattr_setflags(&attributes_, flags),
             ::posix_spawnattr_setsigmask(&attributes_, &none),
             ::posix_spawnattr_setsigdefault(&attributes_, &all),
             ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0),
             ::posix_spawn_file_actions_adddup2(&actions_, output, 1),
             ::posix_spawn_file_actions_adddup2(&actions_, errors, 2),
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
             ::posix_spawn_file_actions_addclosefrom_np(&actions_, 3), // what the host left open
#endif
         })
      if (problem != 0)
        return problem;
    return 0;
  }

  posix_spawn_file_actions_t* actions() noexcept {
    return &actions_;
  }
  posix_spawnattr_t* attributes() noexcept {
    return &attributes_;
  }

private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

struct pipe_ends {
  descriptor read;
  descriptor write;
};

// Beyond the standard descriptors even where the host has closed those.
expected<descriptor> moved_up(descriptor from) {
  if (from.get() > 2)
    return from;
  descriptor higher{::fcntl(from.get(), F_DUPFD_CLOEXEC, 3)};
  if (!higher)
    return detail::system_failure("cannot make a pipe");
  return higher;
}

expected<pipe_ends> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return detail::system_failure("cannot make a pipe");
  auto read = moved_up(descriptor{ends[0]});
  auto write = moved_up(descriptor{ends[1]});
  if (!read || !write)
    return unexpected{(read ? write : read).error()};
  if (::fcntl(read->get(), F_SETFL, O_NONBLOCK) != 0)
    return detail::system_failure("cannot set up a pipe");
  return pipe_ends{*std::move(read), *std::move(write)};
}

bool holds_nul(const std::string& text) noexcept {
  return text.find('\0') != std::string::npos;
}

expected<void> check(const process_command& what) {
  if (what.arguments.empty() || what.arguments.front().empty())
    return fail(errc::invalid_argument, "no program to run");
  if (what.timeout.count() <= 0 || what.kill_after.count() < 0)
    return fail(errc::invalid_argument, "a time limit must be more than 0");
  for (const auto& each : what.arguments)
    if (holds_nul(each))
      return fail(errc::invalid_argument, "an argument holds U+0000");
  for (const auto& [name, value] : what.environment)
    if (name.empty() || name.find('=') != std::string::npos || holds_nul(name) || holds_nul(value))
      return fail(errc::invalid_argument, "a variable that no environment can hold");
  return {};
}

std::vector<std::string> environment_of(const process_command& what) {
  std::vector<std::string> lines;
  const auto set = [&lines](std::string_view name, std::string_view value) {
    auto line = std::string{name} + '=' + std::string{value};
    const auto start = line.substr(0, name.size() + 1);
    for (auto& each : lines)
      if (each.starts_with(start)) {
        each = std::move(line);
        return;
      }
    lines.push_back(std::move(line));
  };
  for (char** each = environ; each != nullptr && *each != nullptr; ++each)
    lines.emplace_back(*each);
  set("LC_ALL", "C");
  for (const auto& [name, value] : what.environment)
    set(name, value);
  return lines;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (auto& each : texts)
    out.push_back(each.data());
  out.push_back(nullptr);
  return out;
}

} // namespace

expected<child> child::start(const process_command& what) {
  if (auto good = check(what); !good)
    return unexpected{std::move(good).error()};
  auto output = make_pipe();
  auto errors = make_pipe();
  if (!output || !errors)
    return unexpected{(output ? errors : output).error()};
  auto arguments = what.arguments;
  auto environment = environment_of(what);
  const auto& program = what.arguments.front();
  plan steps;
  int problem = steps.prepare(output->write.get(), errors->write.get());
  pid_t pid = -1;
  if (problem == 0)
    problem = ::posix_spawnp(&pid, program.c_str(), steps.actions(), steps.attributes(),
                             pointers(arguments).data(), pointers(environment).data());
  if (problem != 0)
    return detail::system_failure("cannot run '" + program + "'", problem);
  return child{pid, std::move(output->read), std::move(errors->read)};
}

child::child(pid_t pid, descriptor output, descriptor errors) noexcept
  : pid_(pid),
#ifdef SYS_pidfd_open
    ended_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))), // closed on exec by itself
#endif
    output_(std::move(output)),
    errors_(std::move(errors)) {
}

child::child(child&& other) noexcept
  : pid_(std::exchange(other.pid_, -1)),
    ended_(std::move(other.ended_)),
    output_(std::move(other.output_)),
    errors_(std::move(other.errors_)) {}

child::~child() {
  if (pid_ < 0)
    return;
  signal(SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void child::signal(int number) const noexcept {
  // Not reaped yet, so the number is still its own.
  if (pid_ > 0 && ::kill(-pid_, number) != 0)
    ::kill(pid_, number); // it has not made its group yet
}

expected<bool> child::has_ended() noexcept {
  for (;;) {
    siginfo_t about{}; // no number in it: it runs
    if (::waitid(P_PID, static_cast<id_t>(pid_), &about, WEXITED | WNOHANG | WNOWAIT) == 0)
      return about.si_pid == pid_;
    if (errno != EINTR)
      return taken_by_others();
  }
}

expected<int> child::reap() noexcept {
  int status = 0;
  for (;;) {
    if (::waitpid(pid_, &status, 0) == pid_) {
      pid_ = -1;
      return status;
    }
    if (errno != EINTR)
      return taken_by_others();
  }
}

// SIGCHLD is ignored, or somebody waits for everything.
unexpected child::taken_by_others() noexcept {
  pid_ = -1;
  return fail(errc::outcome_unknown, "somebody else took the status of the program");
}

} // namespace cortex::process
