// The library's displays on a runtime of their own, drawn as on a terminal into /dev/null.
// Rerun: cortex_bench --only progress_

#include "cortex/progress_indicators.hpp"

#include "ours.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <functional>
#include <stdexcept>

namespace cortex::bench {
namespace {

namespace progress = cortex::progress_indicators;

class cortex_display final : public progress_display {
public:
  cortex_display()
    : null_(::open("/dev/null", O_WRONLY | O_CLOEXEC)),
      runtime_(opened(runtime::open())),
      indicator_(opened(progress::open(runtime_, into(null_)))),
      bar_(indicator_.bar(0, "all")) {}
  ~cortex_display() override { ::close(null_); }

  void advance() override { bar_.advance(); }
  void update(const std::string& message) override {
    bar_.update(message);
    bar_.advance();
  }
  std::uint64_t shown() override {
    bar_.finish();
    if (!indicator_.drain(std::chrono::seconds{10}))
      return 0;
    const auto last = bar_.context();
    return last ? last->position : 0;
  }

private:
  static progress::options into(int fd) {
    progress::options wanted;
    wanted.out.fd = fd;
    wanted.rendering = progress::rendering::terminal;
    return wanted;
  }

  int null_;
  runtime runtime_;
  progress::indicator indicator_;
  progress::bar bar_;
};

} // namespace

std::unique_ptr<progress_display> open_cortex_display() {
  return std::make_unique<cortex_display>();
}

shared_indicator cortex_shared_indicator() {
  const auto end = [] { static_cast<void>(progress::shut_down_process_wide()); };
  return {end,
          [] {
            const auto shared = progress::process_wide();
            return shared ? std::uintptr_t{1} + std::hash<std::string_view>{}(shared->name()) : 0;
          },
          end};
}

} // namespace cortex::bench
