#include "cortex/progress_indicators/outlet.hpp"

#include "cortex/fork_guard.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <exception>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace cortex::progress_indicators {
namespace {

constexpr std::size_t largest_write = 4096; // PIPE_BUF
// A thread that has nothing to do waits a little: lines often come one soon after the other.
constexpr std::chrono::milliseconds lingering{20};

constexpr std::uint32_t no_thread = 2; // whoever puts something writes it

struct piece {
  std::string bytes;
  piece* next = nullptr;
};

/// A reader that has gone is an error of the write, not the end of the process.
class without_sigpipe {
public:
  without_sigpipe() noexcept {
    sigset_t pending{};
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    sigset_t blocked{};
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &blocked, &before_);
  }
  without_sigpipe(const without_sigpipe&) = delete;
  without_sigpipe& operator=(const without_sigpipe&) = delete;
  ~without_sigpipe() {
    if (!was_pending_) {
      sigset_t raised{};
      sigemptyset(&raised);
      sigaddset(&raised, SIGPIPE);
      const timespec at_once{};
      while (sigtimedwait(&raised, nullptr, &at_once) == -1 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

private:
  sigset_t before_{};
  bool was_pending_ = false;
};

/// Up to the last line end within one write, or all that one write takes.
std::size_t portion(std::string_view bytes) noexcept {
  if (bytes.size() <= largest_write)
    return bytes.size();
  const auto end = bytes.substr(0, largest_write).rfind('\n');
  return end == bytes.npos ? largest_write : end + 1;
}

} // namespace

struct outlet::shared {
  explicit shared(output where)
    : to(std::move(where)), wake(to.write ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  shared(const shared&) = delete;
  shared& operator=(const shared&) = delete;
  ~shared() {
    drop(newest.exchange(nullptr));
    if (wake >= 0)
      ::close(wake);
  }

  [[nodiscard]] bool has_work() const noexcept {
    return newest.load(std::memory_order_acquire) != nullptr;
  }
  void drop(piece* first) noexcept {
    while (first != nullptr) {
      const std::unique_ptr<piece> gone{first};
      first = gone->next;
      settle(gone->bytes.size(), false);
    }
  }
  void settle(std::size_t bytes, bool was_written) noexcept {
    if (was_written)
      written.fetch_add(bytes, std::memory_order_relaxed);
    pending.fetch_sub(bytes, std::memory_order_acq_rel);
    settled.fetch_add(1, std::memory_order_acq_rel);
    cortex::detail::futex_wake_all(settled);
  }

  /// All that waits, oldest first.
  [[nodiscard]] piece* take() noexcept {
    auto* from = newest.exchange(nullptr, std::memory_order_acq_rel);
    piece* first = nullptr;
    while (from != nullptr) {
      auto* older = from->next;
      from->next = first;
      first = from;
      from = older;
    }
    return first;
  }
  void write_all(piece* first) noexcept {
    while (first != nullptr) {
      const std::unique_ptr<piece> next{first};
      first = next->next;
      settle(next->bytes.size(), write(next->bytes));
    }
  }
  bool write(std::string_view bytes) noexcept;
  bool write_to_fd(std::string_view bytes) noexcept;
  void serve() noexcept;

  output to;
  int wake; // readable when it is time to give up
  const std::uint32_t generation = cortex::detail::fork_generation();
  std::atomic<piece*> newest{nullptr}; // a stack; owned
  std::atomic<std::size_t> pending{0};
  std::atomic<std::uint64_t> written{0};
  std::atomic<std::uint32_t> settled{0}; // futex: counts pieces
  std::atomic<std::uint32_t> threads{0}; // futex: 1 while there is one
  std::atomic<bool> open{false};
  std::atomic<bool> closed{false};
  std::atomic<bool> broken{false};
  cortex::detail::doorbell bell;
};

bool outlet::shared::write(std::string_view bytes) noexcept {
  if (closed.load(std::memory_order_acquire) || broken.load(std::memory_order_relaxed))
    return false;
  if (!to.write)
    return write_to_fd(bytes);
  try {
    to.write(bytes);
    return true;
  } catch (...) {
    broken.store(true, std::memory_order_relaxed);
    return false;
  }
}

bool outlet::shared::write_to_fd(std::string_view bytes) noexcept {
  const without_sigpipe quiet;
  while (!bytes.empty()) {
    pollfd watched[2] = {{to.fd, POLLOUT, 0}, {wake, POLLIN, 0}};
    if (::poll(watched, wake >= 0 ? 2 : 1, -1) < 0 && errno == EINTR)
      continue;
    if (closed.load(std::memory_order_acquire))
      return false;
    const auto wrote = ::write(to.fd, bytes.data(), portion(bytes));
    if (wrote >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(wrote));
    } else if (errno != EINTR && errno != EAGAIN) {
      broken.store(true, std::memory_order_relaxed);
      return false;
    }
  }
  return true;
}

void outlet::shared::serve() noexcept {
  for (;;) {
    write_all(take());
    const bool stays = open.load(std::memory_order_acquire);
    const auto until = stays ? monotonic_time::max() : std::chrono::steady_clock::now() + lingering;
    bell.sleep(
      [&] {
        return has_work() || closed.load(std::memory_order_acquire)
               || open.load(std::memory_order_acquire) != stays;
      },
      until);
    if (has_work() || (open.load(std::memory_order_acquire) && !closed.load()))
      continue;
    if (!closed.load(std::memory_order_acquire) && std::chrono::steady_clock::now() < until)
      continue; // it has just stopped to be kept open
    threads.store(0, std::memory_order_seq_cst);
    cortex::detail::futex_wake_all(threads);
    std::uint32_t none = 0;
    if (!has_work() || !threads.compare_exchange_strong(none, 1))
      return;
  }
}

outlet::outlet(output to, bool on_caller) : shared_(std::make_shared<shared>(std::move(to))) {
  if (on_caller)
    shared_->threads.store(no_thread);
}

outlet::~outlet() {
  keep_open(false); // a thread that still writes ends by itself
}

void outlet::put(std::string bytes) {
  if (bytes.empty() || shared_->closed.load(std::memory_order_acquire))
    return;
  auto& all = *shared_;
  all.pending.fetch_add(bytes.size(), std::memory_order_acq_rel);
  auto* added = new piece{std::move(bytes)};
  added->next = all.newest.load(std::memory_order_relaxed);
  while (!all.newest.compare_exchange_weak(added->next, added, std::memory_order_seq_cst)) {
  }
  if (all.threads.load(std::memory_order_seq_cst) == no_thread)
    all.write_all(all.take());
  else
    start_thread();
  all.bell.ring();
}

void outlet::start_thread() {
  std::uint32_t none = 0;
  if (!shared_->threads.compare_exchange_strong(none, 1, std::memory_order_seq_cst))
    return;
  try {
    std::thread{[held = shared_] { held->serve(); }}.detach();
  } catch (const std::system_error&) { // no thread now: the next piece tries again
    shared_->threads.store(0);
  }
}

void outlet::keep_open(bool open) {
  if (shared_->open.exchange(open, std::memory_order_seq_cst) != open)
    shared_->bell.ring();
}

std::size_t outlet::pending_bytes() const noexcept {
  return shared_->pending.load(std::memory_order_acquire);
}
std::uint64_t outlet::written_bytes() const noexcept {
  return shared_->written.load(std::memory_order_relaxed);
}
bool outlet::broken() const noexcept {
  return shared_->broken.load(std::memory_order_relaxed);
}
std::uint32_t outlet::threads() const noexcept {
  return shared_->threads.load() == 1 ? 1 : 0;
}

bool outlet::drain(monotonic_time until) noexcept {
  auto& all = *shared_;
  if (all.generation != cortex::detail::fork_generation())
    return false; // the thread is in the parent process
  for (;;) {
    const auto seen = all.settled.load(std::memory_order_acquire);
    if (all.pending.load(std::memory_order_acquire) == 0)
      return true;
    if (!cortex::detail::futex_wait(all.settled, seen, until)
        && std::chrono::steady_clock::now() >= until)
      return all.pending.load(std::memory_order_acquire) == 0;
  }
}

bool outlet::close(monotonic_time until) noexcept {
  auto& all = *shared_;
  const bool written = drain(until);
  all.closed.store(true, std::memory_order_seq_cst);
  if (all.generation != cortex::detail::fork_generation())
    return false;
  if (all.wake >= 0) {
    const std::uint64_t one = 1;
    static_cast<void>(::write(all.wake, &one, sizeof one));
  }
  all.bell.ring();
  // Told to give up, it ends at once unless it hangs in a write or in a function of the host.
  const auto last = std::max(until, std::chrono::steady_clock::now() + lingering);
  while (all.threads.load() == 1)
    if (!cortex::detail::futex_wait(all.threads, 1, last)
        && std::chrono::steady_clock::now() >= last)
      return false;
  return written;
}

} // namespace cortex::progress_indicators
