// Who is told of changes, and when.
#include "actors/config_manager/config_fixture.hpp"
#include "support/threads.hpp"
#include "support/wait.hpp"

#include <condition_variable>
#include <filesystem>

using namespace cortex;
using namespace cortex::testing;

namespace fs = std::filesystem;

namespace {

/// Keeps what a listener hears. Thread-safe.
class ear {
public:
  cm::change_listener listener() {
    return [this](const cm::change& what) {
      const std::lock_guard guard{mutex_};
      heard_.push_back(what);
      more_.notify_all();
    };
  }
  /// The first change for which `wanted` holds. Fails the test if none comes.
  template <class Wanted>
  cm::change wait_for(Wanted wanted) {
    std::unique_lock lock{mutex_};
    auto at = heard_.end();
    REQUIRE(more_.wait_for(lock, default_deadline, [&] {
      at = std::find_if(heard_.begin(), heard_.end(), wanted);
      return at != heard_.end();
    }));
    return *at;
  }
  std::vector<cm::change> all() {
    const std::lock_guard guard{mutex_};
    return heard_;
  }

private:
  std::mutex mutex_;
  std::condition_variable more_;
  std::vector<cm::change> heard_; // guarded by mutex_
};

struct watch_fixture : config_fixture {
  [[nodiscard]] cm::options watching() {
    auto how = options();
    how.watch = true;
    return how;
  }
};

auto names(const std::string& key) {
  return [key](const cm::change& what) {
    return std::find(what.keys.begin(), what.keys.end(), key) != what.keys.end();
  };
}

void replace_file(const fs::path& path, const std::string& text) {
  write_file(path.string() + ".new", text);
  fs::rename(path.string() + ".new", path);
}

} // namespace

TEST_CASE_METHOD(watch_fixture, "a listener is told which keys another program changed",
                 "[config_manager]") {
  write_file(file(), "a: 1\nb: {c: 1, d: 1}\ne: 1\n");
  ear hears;
  const auto config = open(watching());
  const auto listens = config.subscribe(hears.listener());
  good(config.call(cm::load_preferences{})); // the listener is known from here on

  replace_file(file(), "a: 1\nb: {c: 2, d: 1}\nf: 1\n");

  const auto heard = hears.wait_for(names("f"));
  CHECK(heard.keys == std::vector<std::string>{"b.c", "f", "e"});
  CHECK(heard.foreign);
  CHECK_FALSE(heard.problem);
  CHECK(good(config.get("b.c")).content == yaml{2});
}

TEST_CASE_METHOD(watch_fixture, "a file that is written in its place is noticed, and so is its end",
                 "[config_manager]") {
  ear hears;
  const auto config = open(watching());
  const auto listens = config.subscribe(hears.listener());
  good(config.call(cm::load_preferences{}));

  write_file(file(), "a: 1\n");
  hears.wait_for(names("a"));
  CHECK(good(config.get("a")).content == yaml{1});
  fs::remove(file());
  hears.wait_for([](const cm::change& what) { return what.version > 2; });

  CHECK(config.get("a").error() == errc::not_found);
}

TEST_CASE_METHOD(watch_fixture, "changes of one's own are told as such, once", "[config_manager]") {
  ear hears;
  const auto config = open(watching());
  const auto listens = config.subscribe(hears.listener());

  for (int i = 0; i < 20; ++i)
    good(config.call(set_key("own", i)));
  replace_file(file(), "own: 19\nlast: 1\n");
  hears.wait_for(names("last"));

  const auto all = hears.all();
  REQUIRE(all.size() == 21);
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK(all[i].keys == std::vector<std::string>{"own"});
    CHECK_FALSE(all[i].foreign);
    if (i > 0)
      CHECK(all[i].version == all[i - 1].version + 1);
  }
  CHECK(all[20].foreign);
}

TEST_CASE_METHOD(watch_fixture, "a file that somebody damages is told as a problem",
                 "[config_manager][errors]") {
  write_file(file(), "a: 1\n");
  ear hears;
  const auto config = open(watching());
  const auto listens = config.subscribe(hears.listener());
  good(config.call(cm::load_preferences{}));

  replace_file(file(), "a: [");
  const auto broken
    = hears.wait_for([](const cm::change& what) { return what.problem.has_value(); });
  CHECK(broken.problem == errc::corrupt);
  CHECK(good(config.get("a")).content == yaml{1});

  replace_file(file(), "a: 2\n");
  hears.wait_for(names("a"));
  CHECK(good(config.get("a")).content == yaml{2});
}

TEST_CASE_METHOD(watch_fixture, "the file of the system is followed, too", "[config_manager]") {
  ear hears;
  const auto config = open(watching());
  const auto listens = config.subscribe(hears.listener());
  good(config.call(cm::load_preferences{}));

  replace_file(folder / "system.yaml", "s: 1\n");
  hears.wait_for(names("s"));

  CHECK(good(config.get("s")).origin == cm::origin::system);
}

TEST_CASE_METHOD(watch_fixture, "a file whose folder is made after open is followed",
                 "[config_manager]") {
  ear hears;
  auto how = watching();
  how.system_file = (folder / "etc" / "cortex" / "system.yaml").string();
  const auto config = open(std::move(how));
  const auto listens = config.subscribe(hears.listener());
  good(config.call(cm::load_preferences{}));

  fs::create_directories(folder / "etc" / "cortex");
  write_file(folder / "etc" / "cortex" / "system.yaml", "s: 1\n");
  hears.wait_for(names("s"));
  replace_file(folder / "etc" / "cortex" / "system.yaml", "t: 1\n");
  hears.wait_for(names("t"));

  CHECK(good(config.get("t")).origin == cm::origin::system);
}

TEST_CASE_METHOD(watch_fixture, "two managers hear of each other", "[config_manager]") {
  ear hears;
  const auto one = open(watching());
  const auto other = open(watching());
  const auto listens = other.subscribe(hears.listener());
  good(other.call(cm::load_preferences{}));

  good(one.call(set_key("a", 1)));

  CHECK(hears.wait_for(names("a")).foreign);
}

TEST_CASE_METHOD(watch_fixture, "nothing is told after a subscription's end", "[config_manager]") {
  ear first;
  ear second;
  const auto config = open();
  auto ending = config.subscribe(first.listener());
  const auto staying = config.subscribe(second.listener());
  good(config.call(set_key("a", 1)));
  first.wait_for(names("a"));

  ending = {};
  good(config.call(set_key("b", 1)));
  second.wait_for(names("b"));

  CHECK(first.all().size() == 1);
}

TEST_CASE_METHOD(watch_fixture, "a listener that throws harms no other",
                 "[config_manager][errors]") {
  ear hears;
  const auto config = open();
  const auto bad = config.subscribe([](const cm::change&) { throw std::runtime_error{"bug"}; });
  const auto listens = config.subscribe(hears.listener());

  good(config.call(set_key("a", 1)));

  hears.wait_for(names("a"));
}

TEST_CASE_METHOD(watch_fixture, "no thread and no descriptor is left when a manager has gone",
                 "[config_manager]") {
  { // the runtime's own threads
    const auto config = open(watching());
    good(config.call(set_key("a", 1)));
  }
  const auto before = threads_of_process();
  for (int i = 0; i < 20; ++i) {
    const auto config = open(watching());
    good(config.call(set_key("a", i)));
  }

  CHECK(eventually([before] { return threads_of_process() <= before; }));
}
