// Running a program to its end: what it writes is read, and its time watched.
#include "cortex/clock.hpp"
#include "cortex/detail/system_error.hpp"
#include "cortex/process.hpp"
#include "cortex/process/child.hpp"
#include "cortex/reply_slot.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

namespace cortex {
namespace {

using process::child;
using process::descriptor;
using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// What it may have left behind, still writing, is waited for this long after its end.
constexpr milliseconds after_the_end{200};
/// `poll` counts in an int.
constexpr milliseconds longest_pause{60'000};
/// How often it is looked at where the kernel cannot tell of its end.
constexpr milliseconds look_again{20};
/// Signals before it is left alone: SIGTERM, and SIGKILL twice.
constexpr int most_tries = 3;

/// Reads what there is. Closes the pipe at its end.
void drain(descriptor& from, std::string& into, const process_command& what, bool& truncated) {
  std::array<char, 65'536> piece; // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  while (from) {
    const auto got = ::read(from.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0 && errno == EAGAIN)
      return;
    if (got <= 0) {
      from.close();
      return;
    }
    const auto size = static_cast<std::size_t>(got);
    const auto room = what.max_output_bytes - std::min(into.size(), what.max_output_bytes);
    truncated |= size > room;
    into.append(piece.data(), std::min(size, room));
  }
}

/// Watches one program. *Not thread-safe*.
class watch {
public:
  watch(child& running, const process_command& what)
    : running_(running), what_(what), stopped_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  expected<process_result> to_the_end() {
    if (!stopped_)
      return detail::system_failure("cannot watch a program");
    const std::stop_callback tell{what_.stop, [this] {
                                    const std::uint64_t one = 1;
                                    static_cast<void>(::write(stopped_.get(), &one, sizeof one));
                                  }};
    auto until = deadline_after(clock::now(), what_.timeout);
    for (bool ended = false; !ended;) {
      if (!why_ && what_.stop.stop_requested())
        until = end_it(errc::cancelled);
      else if (clock::now() >= until && tries_ == most_tries)
        return cannot_be_ended();
      else if (clock::now() >= until)
        until = end_it(errc::timeout);
      await(until);
      auto looked = running_.has_ended();
      if (!looked)
        return unexpected{std::move(looked).error()};
      ended = *looked;
    }
    if (why_) {
      end_the_rest(until);
      return fail(*why_, "'" + what_.arguments.front() + "' "
                           + (*why_ == errc::timeout ? "did not end in time" : "was stopped"));
    }
    const auto status = running_.reap();
    if (!status)
      return unexpected{status.error()};
    read_until(clock::now() + after_the_end);
    const bool exited = WIFEXITED(*status);
    result_.exit_status = exited ? WEXITSTATUS(*status) : -1;
    result_.signal = exited ? 0 : WTERMSIG(*status);
    return std::move(result_);
  }

private:
  /// Politely first. When to try the next thing.
  clock::time_point end_it(errc why) {
    running_.signal(tries_++ == 0 ? SIGTERM : SIGKILL);
    if (!why_)
      why_ = why;
    return deadline_after(clock::now(), std::max(what_.kill_after, look_again));
  }

  /// What it has started has had SIGTERM as well. Its number is its group's until it is reaped.
  void end_the_rest(clock::time_point until) {
    read_until(until);
    running_.signal(SIGKILL);
    static_cast<void>(running_.reap());
  }

  /// A program of another user (by sudo), or one that the kernel holds.
  unexpected cannot_be_ended() {
    running_.abandon();
    return fail(*why_,
                "'" + what_.arguments.front() + "' did not end in time, and cannot be ended");
  }

  /// Waits until something happens, and reads what there is.
  void await(clock::time_point until) {
    const auto now = clock::now();
    auto pause = std::chrono::ceil<milliseconds>(std::max(until, now) - now);
    if (!running_.ended())
      pause = std::min(pause, look_again);
    read_for(std::min(pause, longest_pause), running_.ended().get(), why_ ? -1 : stopped_.get());
  }

  void read_for(milliseconds pause, int ended, int stopped) {
    std::array<pollfd, 4> on{pollfd{running_.output().get(), POLLIN, 0},
                             pollfd{running_.errors().get(), POLLIN, 0}, pollfd{ended, POLLIN, 0},
                             pollfd{stopped, POLLIN, 0}};
    static_cast<void>(::poll(on.data(), on.size(), static_cast<int>(pause.count())));
    drain(running_.output(), result_.output, what_, result_.truncated);
    drain(running_.errors(), result_.errors, what_, result_.truncated);
  }

  /// Reads until both pipes are closed: a program that was left behind may hold them for ever.
  void read_until(clock::time_point until) {
    read_for(milliseconds{0}, -1, -1);
    for (auto now = clock::now(); now < until && (running_.output() || running_.errors());
         now = clock::now())
      read_for(std::min(std::chrono::ceil<milliseconds>(until - now), longest_pause), -1, -1);
  }

  child& running_;
  const process_command& what_;
  descriptor stopped_;
  process_result result_;
  std::optional<errc> why_; // it is being ended
  int tries_ = 0;           // to end it
};

} // namespace

expected<process_result> run_process(const process_command& what) {
  if (auto refused = detail::blocking_refused("a program"))
    return unexpected{*std::move(refused)};
  auto running = child::start(what);
  if (!running)
    return unexpected{std::move(running).error()};
  return watch{*running, what}.to_the_end();
}

} // namespace cortex
