// What is noticed of files whose folders come and go. The kernel queues an event before the call
// that causes it returns, so nothing here waits.
#include "cortex/config_manager/watched_files.hpp"
#include "cortex/detail/descriptor.hpp"

#include "actors/config_manager/config_fixture.hpp"

#include <sys/inotify.h>

#include <filesystem>

using namespace cortex;
using namespace cortex::testing;

namespace fs = std::filesystem;

namespace {

struct watched_fixture {
  temp_dir folder;
  cortex::detail::descriptor events{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
  cm::watched_files watched{-1, {}};

  /// Watches files below the folder.
  void begin(const std::vector<std::string>& files) {
    std::vector<std::string> paths;
    for (const auto& each : files)
      paths.push_back((folder.path() / each).string());
    watched = cm::watched_files{events.get(), paths};
    const auto begun = watched.begin();
    INFO((begun ? "" : to_string(begun.error())));
    REQUIRE(begun);
    REQUIRE_FALSE(watched.drain());
  }
  [[nodiscard]] fs::path at(const char* name) const { return folder.path() / name; }
};

} // namespace

TEST_CASE_METHOD(watched_fixture, "of a folder that is watched only the file is news",
                 "[config_manager]") {
  begin({"file"});

  write_file(at("other"), "x");
  CHECK_FALSE(watched.drain());
  write_file(at("file"), "x");
  CHECK(watched.drain());
  CHECK_FALSE(watched.drain());
  fs::rename(at("other"), at("file"));
  CHECK(watched.drain());
  fs::remove(at("file"));
  CHECK(watched.drain());
}

TEST_CASE_METHOD(watched_fixture, "a file that is being written is looked at when it is whole",
                 "[config_manager]") {
  begin({"file", "folder/file"}); // the second one asks for what is made beside the first one
  std::ofstream writer{at("file")};
  writer << "half" << std::flush;
  CHECK_FALSE(watched.drain());
  writer.close();
  CHECK(watched.drain());
}

TEST_CASE_METHOD(watched_fixture, "a file is followed into a folder that comes later",
                 "[config_manager]") {
  begin({"a/b/file"});

  fs::create_directory(at("other"));
  CHECK_FALSE(watched.drain());
  fs::create_directory(at("a"));
  CHECK(watched.drain()); // all of it may be there by now
  fs::create_directory(at("a/b"));
  CHECK(watched.drain());
  write_file(at("a/b/other"), "x");
  CHECK_FALSE(watched.drain());
  write_file(at("a/b/file"), "x");
  CHECK(watched.drain());
}

TEST_CASE_METHOD(watched_fixture, "folders that come at once are followed to the last one",
                 "[config_manager]") {
  begin({"a/b/c/file"});
  fs::create_directories(at("x/b/c"));
  CHECK_FALSE(watched.drain());
  fs::rename(at("x"), at("a"));
  CHECK(watched.drain());
  write_file(at("a/b/c/file"), "x");
  CHECK(watched.drain());
}

TEST_CASE_METHOD(watched_fixture, "a folder is followed by its name", "[config_manager]") {
  fs::create_directory(at("a"));
  write_file(at("a/file"), "x");
  begin({"a/file"});

  fs::rename(at("a"), at("old"));
  CHECK(watched.drain());
  write_file(at("old/file"), "x");
  CHECK_FALSE(watched.drain());
  fs::create_directory(at("a"));
  CHECK(watched.drain());
  write_file(at("a/file"), "x");
  CHECK(watched.drain());

  fs::remove_all(at("a"));
  CHECK(watched.drain());
  fs::create_directory(at("a"));
  CHECK(watched.drain());
  write_file(at("a/file"), "x");
  CHECK(watched.drain());
}

TEST_CASE_METHOD(watched_fixture, "a folder in the place of a file is followed",
                 "[config_manager]") {
  write_file(at("a"), "not a folder");
  begin({"a/file"});
  fs::remove(at("a"));
  fs::create_directory(at("a"));
  CHECK(watched.drain());
  write_file(at("a/file"), "x");
  CHECK(watched.drain());
}

TEST_CASE_METHOD(watched_fixture, "two files of a folder do not disturb each other",
                 "[config_manager]") {
  begin({"a/one", "a/two"});
  fs::create_directory(at("a"));
  CHECK(watched.drain());
  for (const auto* name : {"a/one", "a/two"}) {
    write_file(at(name), "x");
    CHECK(watched.drain());
  }
  fs::rename(at("a"), at("b"));
  CHECK(watched.drain());
  fs::rename(at("b"), at("a"));
  CHECK(watched.drain());
  for (const auto* name : {"a/one", "a/two"}) {
    write_file(at(name), "y");
    CHECK(watched.drain());
  }
}
