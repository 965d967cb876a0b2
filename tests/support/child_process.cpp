#include "support/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

namespace cortex::testing {
namespace {

void check(int error, const std::string& what) {
  if (error != 0)
    throw std::system_error{error, std::generic_category(), what};
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (auto& text : texts)
    result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

/// The test's own environment with `extra` in front: the first of two equal names counts.
std::vector<std::string> with_own_environment(std::vector<std::string> extra) {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view own{*entry};
    const auto name = own.substr(0, own.find('=') + 1);
    if (std::none_of(extra.begin(), extra.end(),
                     [&](const auto& e) { return e.starts_with(name); }))
      extra.emplace_back(own);
  }
  return extra;
}

struct file_actions {
  file_actions() { check(posix_spawn_file_actions_init(&actions), "posix_spawn"); }
  file_actions(const file_actions&) = delete;
  file_actions& operator=(const file_actions&) = delete;
  file_actions(file_actions&&) = delete;
  file_actions& operator=(file_actions&&) = delete;
  ~file_actions() { posix_spawn_file_actions_destroy(&actions); }

  posix_spawn_file_actions_t actions{};
};

} // namespace

child_process::child_process(std::vector<std::string> arguments,
                             std::vector<std::string> environment, const std::string& input) {
  if (arguments.empty())
    check(EINVAL, "no program to start");
  file_actions redirect;
  std::array<int, 2> pipe_fds{};
  check(pipe2(pipe_fds.data(), O_CLOEXEC) == 0 ? 0 : errno, "pipe2");
  output_fd_ = pipe_fds[0];
  auto* actions = &redirect.actions;
  int error = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, input.c_str(), O_RDONLY, 0);
  if (error == 0)
    error = posix_spawn_file_actions_adddup2(actions, pipe_fds[1], STDOUT_FILENO);
  auto inherited = with_own_environment(std::move(environment));
  if (error == 0)
    error = posix_spawnp(&pid_, arguments[0].c_str(), actions, nullptr, pointers(arguments).data(),
                         pointers(inherited).data());
  close(pipe_fds[1]);
  if (error == 0) {
    // By number: the wrapper of glibc 2.36 is not declared for C++.
    exit_fd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)); // sets O_CLOEXEC
    if (exit_fd_ < 0) {
      error = errno;
      kill();
      reap();
    }
  }
  if (error != 0)
    close(output_fd_);
  check(error, "cannot start " + arguments[0]);
}

child_process::~child_process() {
  kill();
  if (!status_)
    reap();
  if (output_fd_ >= 0)
    close(output_fd_);
  close(exit_fd_);
}

void child_process::kill() {
  if (!status_) // until it is reaped its number cannot be another's
    ::kill(pid_, SIGKILL);
}

bool child_process::await_event(time_point end) {
  std::array<pollfd, 2> events{{{exit_fd_, POLLIN, 0}, {output_fd_, POLLIN, 0}}};
  for (;;) {
    const auto left
      = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    const auto timeout = std::clamp<std::chrono::milliseconds::rep>(left.count(), 0, 1'000'000);
    const int ready = poll(events.data(), events.size(), static_cast<int>(timeout));
    if (ready == 0)
      return false;
    if (ready > 0)
      break;
    if (errno != EINTR)
      check(errno, "poll");
  }
  if (events[1].revents != 0)
    read_output();
  else if (events[0].revents != 0) // only then: all it wrote lies in the pipe and was read
    reap();
  return true;
}

void child_process::read_output() {
  std::array<char, 4096> buffer{};
  const auto size = read(output_fd_, buffer.data(), buffer.size());
  if (size > 0) {
    output_.append(buffer.data(), static_cast<std::size_t>(size));
  } else if (size == 0 || errno != EINTR) {
    close(output_fd_);
    output_fd_ = -1; // poll skips it
  }
}

void child_process::reap() {
  int raw = 0;
  while (waitpid(pid_, &raw, 0) < 0)
    if (errno != EINTR)
      return;
  status_.emplace();
  if (WIFSIGNALED(raw))
    status_->signal = WTERMSIG(raw);
  else
    status_->code = WEXITSTATUS(raw);
}

std::optional<exit_status> child_process::wait(std::chrono::milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!status_ && await_event(end)) {
  }
  return status_;
}

bool child_process::wait_for_output(std::string_view text, std::chrono::milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  std::size_t searched = 0; // what cannot begin the text any more
  for (;;) {
    if (output_.find(text, searched) != std::string::npos)
      return true;
    searched = output_.size() - std::min(output_.size(), text.size());
    if (status_ || !await_event(end))
      return false;
  }
}

} // namespace cortex::testing
