// Progress on a terminal, or line by line where there is none: nested bars, a spinner, steps, log
// lines, a download. The argument is how often everything is slowed down: 0 (the default) not at
// all, 10 to watch it.
#include <cortex/cortex.hpp>
#include <cortex/progress_indicators.hpp>

#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <vector>

namespace progress = cortex::progress_indicators;

namespace {

int slowness = 0;

void work(int amount) {
  std::this_thread::sleep_for(std::chrono::milliseconds{amount * slowness});
}

void install(const progress::indicator& shown) {
  auto all = shown.operation("Installing 3 packages", progress::operation_type::install);
  all.expect_weight(3);
  std::vector<std::jthread> threads;
  for (const char* name : {"docker", "日本語パッケージ", "git"})
    threads.emplace_back([&shown, &all, name] {
      const auto bar = shown.bar(200, name, {.under = all.id()});
      for (int i = 0; i < 200; ++i) {
        bar.advance();
        if (i == 100)
          all.log(std::string{name} + " is half done");
        work(1);
      }
    });
  threads.clear();
  all.complete("3 packages installed");
}

} // namespace

int main(int argc, char** argv) {
  slowness = argc > 1 ? std::atoi(argv[1]) : 0;
  auto rt = cortex::runtime::open().value();
  const auto shown = progress::open(rt, {.out = {.fd = 1}}).value();

  {
    const auto thinking = shown.spinner("Thinking");
    work(100);
    thinking.update("Still thinking");
    work(100);
  } // ✓ Thinking
  install(shown);

  const auto fetch = shown.download(4U << 20U, "model.gguf");
  for (int i = 0; i < 64; ++i, work(2))
    fetch.update(1U << 16U);
  fetch.complete();

  const auto steps = shown.steps({{"Download"}, {"Install"}, {"Configure"}}, "Set up");
  steps.start_step(0);
  work(50);
  steps.complete_step(0);
  steps.start_step(1);
  work(50);
  steps.fail_step(1, "disk full");
  steps.skip_step(2, "not needed");
  steps.finish();

  for (const int item : shown.progress_bar(std::vector<int>(50), "Cleaning"))
    work(1 + item);
  try {
    shown.run("Publishing", progress::operation_type::generic,
              [](progress::operation&) { throw std::runtime_error{"no network"}; });
  } catch (const std::runtime_error&) {
    shown.info("Published nothing");
  }
}
