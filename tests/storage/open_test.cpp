// Which files a database accepts, what it makes, and with which rights.

#include "sql_fixture.hpp"

#include <grp.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

using namespace cortex;
using namespace cortex::testing;
using namespace std::string_literals;
using storage::database;

namespace {

std::atomic<long> pretended_file_system{0}; // 0 = the true one

} // namespace

// Takes the place of the C library's in this program: no test can mount a network file system.
extern "C" int statfs(const char* path, struct statfs* out) noexcept {
  const auto result = static_cast<int>(syscall(SYS_statfs, path, out));
  if (const auto type = pretended_file_system.load(); result == 0 && type != 0)
    out->f_type = type;
  return result;
}

namespace {

unsigned mode_of(const std::string& path) {
  struct stat about {};
  REQUIRE(::stat(path.c_str(), &about) == 0);
  return about.st_mode & 07777U;
}

std::string content_of(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void make_file(const std::string& path, const std::string& content) {
  std::ofstream{path, std::ios::binary} << content;
}

class no_umask {
public:
  no_umask() : before_{::umask(0)} {}
  no_umask(const no_umask&) = delete;
  no_umask& operator=(const no_umask&) = delete;
  ~no_umask() { ::umask(before_); }

private:
  mode_t before_;
};

class working_directory {
public:
  explicit working_directory(const std::filesystem::path& now)
    : before_{std::filesystem::current_path()} {
    std::filesystem::current_path(now);
  }
  working_directory(const working_directory&) = delete;
  working_directory& operator=(const working_directory&) = delete;
  ~working_directory() { std::filesystem::current_path(before_); }

private:
  std::filesystem::path before_;
};

// Permission bits do not bind root: the function runs in a child that is nobody. Gives what it
// returned, -1 if it did not.
template <class F>
int without_privileges(F run) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    constexpr unsigned nobody = 65534;
    if (::geteuid() == 0
        && (::setgroups(0, nullptr) != 0 || ::setgid(nobody) != 0 || ::setuid(nobody) != 0))
      ::_exit(255);
    ::_exit(run());
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace

TEST_CASE("only the owner may use new files and new folders", "[storage][open]") {
  const no_umask open_to_all;
  temp_dir dir;
  const auto path = (dir / "one/two/test.db").string();

  auto db = database::open(path, with_items());

  REQUIRE(db);
  REQUIRE(execute(*db, "INSERT INTO item VALUES(1, 1)"));
  CHECK(mode_of((dir / "one").string()) == 0700);
  CHECK(mode_of((dir / "one/two").string()) == 0700);
  for (const char* tail : {"", "-wal", "-shm", ".lock"})
    CHECK(mode_of(path + tail) == 0600);
}

TEST_CASE("an existing file keeps its rights, and its helpers get the same", "[storage][open]") {
  const no_umask open_to_all;
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  make_file(path, "");
  ::chmod(path.c_str(), 0640);

  auto db = database::open(path, with_items());

  REQUIRE(db);
  for (const char* tail : {"", "-wal", "-shm"})
    CHECK(mode_of(path + tail) == 0640);
}

TEST_CASE("a path that can name no database is refused and makes nothing",
          "[storage][open][errors]") {
  temp_dir dir;
  const auto in_dir = [&](const std::string& name) { return dir.path().string() + "/" + name; };
  make_file(in_dir("file"), "x");
  const std::vector<std::string> paths{
    "",
    "\0"s,
    "/dev/null",
    std::string(PATH_MAX, 'a'),
    dir.path().string(),
    in_dir(""),
    in_dir("."),
    in_dir(".."),
    in_dir("a-wal"),
    in_dir("a-shm"),
    in_dir("a-journal"),
    in_dir("a.lock"),
    in_dir("a\0b.db"s),
    in_dir("file/a.db"),
    in_dir(std::string(256, 'a')),
    in_dir(std::string(252, 'a')), // no room for the names of its helpers
    in_dir(std::string(200, 'a') + "/" + std::string(200, 'b') + "/" + std::string(200, 'c'))};

  for (const auto& path : paths) {
    INFO(path);
    CHECK(code_of(database::open(path)) == errc::invalid_argument);
    std::set<std::string> entries;
    for (const auto& entry : std::filesystem::directory_iterator{dir.path()})
      entries.insert(entry.path().filename().string());
    CHECK(entries == std::set<std::string>{"file"});
  }
}

TEST_CASE("a name that SQLite could read as a URI is the name of a file", "[storage][open]") {
  temp_dir dir;
  const working_directory here{dir.path()};
  const auto* name = GENERATE("file:x?mode=memory", "file::memory:", "file:x", ":memory:x",
                              "x?vfs=unix-none", "-x", "%2e%2e", "a\nb", "x.db-wal.db",
                              "\xc3\xa4 \xe2\x80\xae");

  {
    auto db = database::open(name, with_items());
    REQUIRE(db);
    CHECK(db->path() == (std::filesystem::canonical(dir.path()) / name).string());
    REQUIRE(execute(*db, "INSERT INTO item VALUES(1, 'kept')"));
  }

  CHECK(std::filesystem::is_regular_file(dir.path() / name));
  auto again = database::open((dir / name).string(), with_items());
  REQUIRE(again);
  CHECK(count_of(*again, "item") == 1);
}

TEST_CASE("a file that is no database is corrupt and stays as it is", "[storage][open][errors]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  const std::string text(8192, 'x');
  make_file(path, text);

  CHECK(code_of(database::open(path)) == errc::corrupt);
  CHECK(code_of(database::open(path, read_only())) == errc::corrupt);

  CHECK(content_of(path) == text);
}

TEST_CASE("an empty file becomes a database", "[storage][open]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  make_file(path, "");

  auto db = database::open(path, with_items());

  REQUIRE(db);
  CHECK(execute(*db, "INSERT INTO item VALUES(1, 1)"));
}

TEST_CASE("a read-only open makes no file", "[storage][open][errors]") {
  temp_dir dir;

  CHECK(code_of(database::open((dir / "none.db").string(), read_only())) == errc::not_found);
  CHECK(code_of(database::open((dir / "none/none.db").string(), read_only())) == errc::not_found);

  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("a file or folder without the right to write is a typed error",
          "[storage][open][errors]") {
  temp_dir dir;
  std::filesystem::create_directory(dir / "sub");
  const auto path = (dir / "sub/test.db").string();
  REQUIRE(database::open(path, with_items()));
  ::chmod(dir.path().c_str(), 0755);
  auto open_as_nobody = [](const std::string& which, const storage::database_options& how) {
    return without_privileges([&] {
      auto db = database::open(which, how);
      if (!db)
        return static_cast<int>(db.error().code);
      auto rows = value_of<int>(*db, "SELECT count(*) FROM item");
      return rows ? 0 : static_cast<int>(rows.error().code);
    });
  };
  const auto permission = static_cast<int>(errc::permission);

  SECTION("of a file") {
    ::chmod((dir / "sub").c_str(), 0777);
    ::chmod(path.c_str(), 0444);
    CHECK(open_as_nobody(path, with_items()) == permission);
    CHECK(open_as_nobody(path, read_only()) == 0);
  }
  SECTION("of a file that cannot even be read") {
    ::chmod((dir / "sub").c_str(), 0777);
    ::chmod(path.c_str(), 0);
    CHECK(open_as_nobody(path, with_items()) == permission);
    CHECK(open_as_nobody(path, read_only()) == permission);
  }
  SECTION("of a folder") {
    ::chmod(path.c_str(), 0666);
    ::chmod((dir / "sub").c_str(), 0555);
    std::filesystem::remove(path + ".lock");
    CHECK(open_as_nobody(path, with_items()) == permission);
    // The index of the log is a file beside it, which even readers need.
    CHECK(open_as_nobody(path, read_only()) == static_cast<int>(errc::read_only));
    CHECK(open_as_nobody((dir / "sub/new.db").string(), {}) == permission);
    CHECK(open_as_nobody((dir / "sub/new/new.db").string(), {}) == permission);
  }
  SECTION("of a folder that cannot be entered") {
    ::chmod((dir / "sub").c_str(), 0);
    CHECK(open_as_nobody(path, with_items()) == permission);
    CHECK(open_as_nobody(path, read_only()) == permission);
  }
  ::chmod((dir / "sub").c_str(), 0700);
}

TEST_CASE("a network file system is refused unless the options allow it",
          "[storage][open][errors]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  auto how = with_items();
  struct restore {
    ~restore() { pretended_file_system = 0; }
  } at_end;
  pretended_file_system = GENERATE(long{NFS_SUPER_MAGIC}, long{SMB_SUPER_MAGIC},
                                   static_cast<long>(0xff534d42), static_cast<long>(0xfe534d42),
                                   long{V9FS_MAGIC}, long{AFS_SUPER_MAGIC});

  auto refused = database::open(path, how);

  CHECK(code_of(refused) == errc::unsupported);
  how.allow_network_file_system = true;
  CHECK(database::open(path, how));
}

TEST_CASE("the file is in WAL mode", "[storage][open]") {
  scratch_database t;
  REQUIRE(t.db.checkpoint());

  const auto header = sqlite_probe{t.path}.header();

  CHECK(header.at(18) == 2); // version to write
  CHECK(header.at(19) == 2); // version to read
  CHECK(sqlite_probe{t.path}.text("PRAGMA journal_mode") == "wal");
}

TEST_CASE("SQLite's automatic checkpoints are off", "[storage][open]") {
  auto how = with_items();
  how.checkpoint_pages = 1'000'000;
  how.wal_budget_bytes = std::size_t{1} << 40U;
  scratch_database t{how};

  for (int i = 0; i < 30; ++i) // SQLite's own would come after 1,000 pages
    REQUIRE(execute(t.db, "INSERT INTO item(value) VALUES(zeroblob(400000))"));

  CHECK(t.db.stats().wal_pages > 2900);
  CHECK(t.db.stats().checkpoints == 0);
  CHECK(std::filesystem::file_size(t.path) < 100'000);
}

TEST_CASE("the log is gone after the last close and all rows are in the file", "[storage][open]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();

  {
    auto db = database::open(path, with_items());
    REQUIRE(db);
    REQUIRE(execute(*db, "INSERT INTO item VALUES(1, 1)"));
    CHECK(exists(path + "-wal"));
  }

  CHECK_FALSE(exists(path + "-wal"));
  CHECK_FALSE(exists(path + "-shm"));
  CHECK(sqlite_probe{path}.count("item") == 1);
  CHECK(sqlite_probe{path}.integrity_check() == "ok");
}
