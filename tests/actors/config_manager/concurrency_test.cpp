// Many threads and several processes on one file: nothing lost, nothing torn.
#include "cortex/config_manager/files.hpp"

#include "actors/config_manager/config_fixture.hpp"
#include "support/child_process.hpp"
#include "support/wait.hpp"

#include <atomic>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <thread>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;

namespace {

/// Reads the file all the time. Whatever it finds is a whole document. Not thread-safe.
class torn_watch {
public:
  explicit torn_watch(std::string path)
    : thread_([this, path = std::move(path)] {
        do {
          const auto text = read_file(path);
          if (!text)
            continue;
          ++looks_;
          const auto read = yaml::parse(*text);
          if (!read || read->root.kind() != yaml_kind::mapping || text->empty())
            torn_ = true;
        } while (!ended_.load());
      }) {}
  torn_watch(const torn_watch&) = delete;
  torn_watch& operator=(const torn_watch&) = delete;
  ~torn_watch() { end(); }

  void end() {
    ended_ = true;
    if (thread_.joinable())
      thread_.join();
  }
  [[nodiscard]] bool torn() const { return torn_; }
  [[nodiscard]] std::size_t looks() const { return looks_; }

private:
  std::atomic<bool> ended_{false};
  std::atomic<bool> torn_{false};
  std::atomic<std::size_t> looks_{0};
  std::thread thread_;
};

std::vector<std::string> worker(const std::string& file, const std::string& prefix, int count) {
  return {CORTEX_CONFIG_WORKER, "set", file, prefix, std::to_string(count)};
}

void require_keys(const yaml& root, const std::string& prefix, long count) {
  for (long i = 0; i < count; ++i) {
    const auto* found = root.find(prefix + '-' + std::to_string(i));
    INFO(prefix << ' ' << i);
    REQUIRE(found != nullptr);
    CHECK(*found == yaml{i});
  }
}

/// How many descriptors of this process are open on the file that has this name.
std::size_t times_open(const std::string& name) {
  std::size_t count = 0;
  for (const auto& each : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    std::error_code gone;
    count += std::filesystem::read_symlink(each.path(), gone) == name ? 1 : 0;
  }
  return count;
}

} // namespace

TEST_CASE_METHOD(config_fixture,
                 "CM-11: 450 operations by 150 threads lose no key and tear no file",
                 "[config_manager][concurrency]") {
  constexpr std::size_t threads = 150;
  const auto config = open();
  torn_watch reader{file()};

  run_threads(threads, [&config](std::size_t index) {
    const auto name = "t" + std::to_string(index);
    const auto require = [](bool good) {
      if (!good)
        throw std::runtime_error{"an operation failed"};
    };
    require(config.call(set_key(name + ".first", static_cast<int>(index))).has_value());
    require(config.call(set_key(name + ".second", name)).has_value());
    const auto loaded = config.call(cm::load_preferences{});
    require(loaded && loaded->find(name) != nullptr && loaded->find(name)->size() == 2);
  });

  reader.end();
  CHECK_FALSE(reader.torn());
  CHECK(reader.looks() > 0);
  const auto root = parsed(read_file(file()).value());
  CHECK(root.size() == threads);
  for (std::size_t i = 0; i < threads; ++i) {
    const auto name = "t" + std::to_string(i);
    REQUIRE(root.find(name) != nullptr);
    CHECK(*root.find(name) == yaml::mapping({{"first", i}, {"second", name}}));
  }
}

TEST_CASE_METHOD(config_fixture, "CM-11: saves that wait become one write",
                 "[config_manager][concurrency]") {
  const auto config = open();
  std::atomic<int> versions{0};
  const auto counts = config.subscribe([&versions](const cm::change& /*each*/) { ++versions; });
  auto first = config.ask(set_key("first", 1));
  std::vector<future<cm::saved>> all;
  for (int i = 0; i < 300; ++i)
    all.push_back(config.ask(set_key("k" + std::to_string(i), i)));

  for (auto& each : all)
    CHECK(each.get());

  CHECK(first.get());
  CHECK(parsed(read_file(file()).value()).size() == 301);
  CHECK(eventually([&versions] { return versions.load() > 0; }));
  CHECK(versions.load() < 301);
}

TEST_CASE_METHOD(config_fixture, "several managers of one file lose no key of each other",
                 "[config_manager][concurrency]") {
  const auto one = open();
  const auto other = open();
  const auto other_runtime = runtime::open().value();
  const auto third = cm::open(other_runtime, options()).value();
  const std::array managers{one, other, third};

  run_threads(30, [&managers](std::size_t index) {
    for (int i = 0; i < 3; ++i)
      if (!managers[index % 3].call(
            set_key("t" + std::to_string(index) + ".k" + std::to_string(i), i)))
        throw std::runtime_error{"a save failed"};
  });

  const auto root = parsed(read_file(file()).value());
  CHECK(root.size() == 30);
  for (const auto& [key, value] : *root.members())
    CHECK(value.size() == 3);
}

TEST_CASE_METHOD(config_fixture, "a lock whose file was taken away has one owner",
                 "[config_manager][concurrency]") {
  const auto name = file() + ".lock";
  auto first = std::optional{good(cm::file_lock::acquire(file(), 1s, {}))};
  std::stop_source stop;
  std::optional<expected<cm::file_lock>> waited;
  std::thread waits{[&] { waited.emplace(cm::file_lock::acquire(file(), 1h, stop.get_token())); }};
  const bool waiting = eventually([&] { return times_open(name) == 2; });
  std::filesystem::remove(name);
  const auto second = cm::file_lock::acquire(file(), 1s, {});
  first.reset();

  const bool waits_for_second = eventually([&] { return times_open(name) == 2; });
  stop.request_stop();
  waits.join();

  CHECK(waiting);
  CHECK(second);
  CHECK(waits_for_second);
  REQUIRE_FALSE(*waited);
  CHECK(waited->error() == errc::closed);
}

TEST_CASE_METHOD(config_fixture, "two processes and this one lose no key of each other",
                 "[config_manager][process]") {
  constexpr int count = 60;
  const auto config = open();
  torn_watch reader{file()};
  child_process one{worker(file(), "one", count)};
  child_process other{worker(file(), "other", count)};

  for (int i = 0; i < count; ++i)
    good(config.call(set_key("mine-" + std::to_string(i), i)));
  const auto end_of_one = one.wait();
  const auto end_of_other = other.wait();

  reader.end();
  REQUIRE((end_of_one && end_of_one->ok()));
  REQUIRE((end_of_other && end_of_other->ok()));
  CHECK_FALSE(reader.torn());
  const auto root = good(config.call(cm::load_preferences{}));
  CHECK(root.size() == 3 * count);
  for (const char* prefix : {"one", "other", "mine"})
    require_keys(root, prefix, count);
}

TEST_CASE_METHOD(config_fixture, "a process that is killed while it saves leaves a whole file",
                 "[config_manager][process][recovery]") {
  for (int round = 0; round < 8; ++round) {
    const auto prefix = "r" + std::to_string(round);
    child_process saving{worker(file(), prefix, 0)};
    REQUIRE(saving.wait_for_output("\n" + std::to_string(5 + round * 3) + "\n"));

    saving.kill();
    REQUIRE(saving.wait());

    // What was said is there: all lines but a last one that was cut off.
    const auto& said = saving.output();
    const auto whole = std::count(said.begin(), said.end(), '\n');
    const auto root = parsed(read_file(file()).value());
    require_keys(root, prefix, whole);
    good(open().call(set_key("after", round))); // the lock died with its process
  }
}

TEST_CASE_METHOD(config_fixture, "a folder of somebody else is refused, naming both",
                 "[config_manager][process][errors]") {
  if (::geteuid() != 0) {
    WARN("cortex test skipped: only root can be somebody else");
    return;
  }
  const auto theirs = folder / "theirs";
  std::filesystem::create_directory(theirs);
  REQUIRE(::chmod(folder.path().c_str(), 0755) == 0);
  REQUIRE(::chmod(theirs.c_str(), 0777) == 0);

  child_process asks{{CORTEX_CONFIG_WORKER, "open", theirs.string(), "65534", "65533"}};

  REQUIRE(asks.wait());
  CHECK(asks.output().starts_with("permission: "));
  CHECK(asks.output().find("user 0 and group 0") != std::string::npos);
  CHECK(asks.output().find("user 65534 and group 65533") != std::string::npos);
}

TEST_CASE_METHOD(config_fixture, "a folder that cannot be written loses nothing and says so",
                 "[config_manager][process][errors]") {
  if (::geteuid() != 0) {
    WARN("cortex test skipped: needs another user");
    return;
  }
  // Root may write everywhere, so the folder is made one where nobody may.
  auto how = options();
  how.path = "/proc/preferences.yaml";

  CHECK(open(how).call(set_key("a", 1)).error().detail.starts_with("Failed to save preferences: "));
  CHECK(good(open(how).call(cm::load_preferences{})) == yaml::mapping());
}
