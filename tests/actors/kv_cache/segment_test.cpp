// Segments: what they look like, what is believed of them, and what happens when memory is short.
#include "cortex/kv_pool.hpp"

#include "shared_folder.hpp"
#include "support/temp_dir.hpp"
#include "support/wait.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <stdexcept>

namespace testing = cortex::testing;
namespace kv = cortex::kv_cache;
using cortex::errc;
using testing::shared_folder;

namespace {

kv::attach_options in(const shared_folder& folder) {
  kv::attach_options how;
  how.directory = folder.path();
  return how;
}

/// Changes bytes of a file.
void patch(const std::string& file, std::uint64_t at, std::string_view bytes) {
  std::fstream out{file, std::ios::in | std::ios::out | std::ios::binary};
  out.seekp(static_cast<std::streamoff>(at));
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(out.good());
}

/// Turns one bit of a file over.
void flip(const std::string& file, std::uint64_t at) {
  std::ifstream in{file, std::ios::binary};
  in.seekg(static_cast<std::streamoff>(at));
  patch(file, at, std::string(1, static_cast<char>(in.get() ^ 1)));
}

constexpr std::uint64_t header_at = 8 * 64; // of pools of eight blocks

} // namespace

TEST_CASE("a new segment is the data, all 0, and 8192 bytes, for its owner alone",
          "[kv_cache][segment]") {
  const shared_folder folder;
  testing::make_segment(folder, "a", 8);
  struct stat facts {};

  REQUIRE(::stat((folder / "cortex_kv_a").c_str(), &facts) == 0);

  CHECK(facts.st_size == 8 * 64 + 8192);
  CHECK((facts.st_mode & 0777U) == 0600);
  CHECK(facts.st_blocks * 512 >= facts.st_size); // its space is there
  REQUIRE(::stat((folder / "cortex_kvm_a").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777U) == 0600);
  CHECK(folder.count() == 2);
  const auto pool = kv::pool::attach("cortex_kv_a", in(folder));
  REQUIRE(pool);
  CHECK(pool->data().size() == 8 * 64);
  CHECK(std::ranges::all_of(pool->data(), [](std::byte each) { return each == std::byte{0}; }));
  CHECK(pool->usage()->size_bytes == 8 * 64);
  CHECK(pool->usage()->used_bytes == 0);
  CHECK(pool->check()->empty());
}

TEST_CASE("two attachments see the same pool", "[kv_cache][segment]") {
  const shared_folder folder;
  testing::make_segment(folder, "a", 8);
  const auto one = kv::pool::attach("cortex_kv_a", in(folder)).value();
  const auto two = kv::pool::attach("cortex_kv_a", in(folder)).value();
  REQUIRE(one.allocate({.id = 5, .bytes = 100}));
  REQUIRE(one.write(5, 0, std::array{std::byte{7}}));

  std::array<std::byte, 1> out{};
  REQUIRE(two.read(5, 0, out));
  CHECK(out[0] == std::byte{7});
  CHECK(two.data()[two.blocks_of(5)->front()] == std::byte{7});
  CHECK(two.stats()->attached_now == 2);
  const auto mine = two.writable_block(5, 1);
  REQUIRE(mine);
  (*mine)[0] = std::byte{8};
  CHECK(one.data()[one.blocks_of(5)->back()] == std::byte{8});
}

TEST_CASE("threads share one attachment", "[kv_cache][segment][concurrency]") {
  const shared_folder folder;
  testing::make_segment(folder, "a", 64, 20);
  const auto pool = kv::pool::attach("cortex_kv_a", in(folder)).value();

  testing::run_threads(8, [&pool](std::size_t index) {
    const std::array content{static_cast<std::byte>(index + 1)};
    for (std::int64_t i = 0; i < 200; ++i) {
      const auto id = static_cast<std::int64_t>(index) * 1000 + i;
      auto made = pool.allocate({.id = id, .bytes = 200, .pin_for = std::chrono::minutes{1}});
      if (!made) // the others have pinned it all
        continue;
      std::array<std::byte, 1> out{};
      if (!pool.write(id, 150, content) || !pool.read(id, 150, out) || out != content)
        throw std::runtime_error{"a pinned sequence has lost its content"};
      if (!pool.append(id, 1) || !pool.lookup(id).value())
        throw std::runtime_error{"a pinned sequence is gone"};
    }
  });

  CHECK(pool.check()->empty());
  CHECK(pool.stats()->pinned_blocks == 0);
  CHECK(pool.stats()->recoveries == 0);
}

TEST_CASE("a pin lasts as long as its object and as its pool", "[kv_cache][segment]") {
  const shared_folder folder;
  testing::make_segment(folder, "a", 8);
  const auto other = kv::pool::attach("cortex_kv_a", in(folder)).value();
  {
    const auto pool = kv::pool::attach("cortex_kv_a", in(folder)).value();
    auto made = pool.allocate({.id = 1, .bytes = 10, .pin_for = std::chrono::minutes{1}});
    REQUIRE(made);
    REQUIRE(made->pinned.valid());
    CHECK(other.release(1).error() == errc::in_use);
    kv::pin moved = std::move(made->pinned);
    CHECK(other.release(1).error() == errc::in_use);
    moved = pool.pin(1, std::chrono::minutes{1}).value();
    CHECK(pool.sequences()->front().pins == 1);
    REQUIRE(moved.release());
    CHECK(pool.sequences()->front().pins == 0);
    moved = pool.pin(1, std::chrono::minutes{1}).value();
  }
  CHECK(other.release(1));
  CHECK(other.stats()->attached_now == 1);
  CHECK(other.pin(1, std::chrono::seconds{0}).error() == errc::invalid_argument);
}

TEST_CASE("a segment that is no sound pool is refused", "[kv_cache][segment][security]") {
  const shared_folder folder;
  testing::make_segment(folder, "a", 8);
  const auto attach = [&folder](const char* name) {
    const auto pool = kv::pool::attach(name, in(folder));
    return pool ? std::string{"attached"} : std::string{to_string(pool.error().code)};
  };
  const auto file = folder / "cortex_kv_a";
  REQUIRE(attach("cortex_kv_a") == "attached");

  SECTION("nothing of that name") {
    CHECK(attach("cortex_kv_b") == "not_found");
  }
  SECTION("no name of ours") {
    for (const auto* name : {"", "cortex_kv_", "passwd", "../cortex_kv_a", "cortex_kv_../../x"})
      CHECK(attach(name) == "invalid_argument");
    CHECK_FALSE(kv::pool::attach(std::string("cortex_kv_a\0b", 13), in(folder)));
    CHECK_FALSE(kv::pool::attach("cortex_kv_" + std::string(250, 'a'), in(folder)));
  }
  SECTION("another magic number") {
    patch(file, header_at, "X");
    CHECK(attach("cortex_kv_a") == "corrupt");
  }
  SECTION("a newer format") {
    patch(file, header_at + offsetof(kv::fixed_header, version), std::string_view{"\2\0\0\0", 4});
    CHECK(attach("cortex_kv_a") == "newer_format");
  }
  SECTION("one byte of the header changed") {
    for (std::uint64_t at = offsetof(kv::fixed_header, header_bytes); at < sizeof(kv::fixed_header);
         at += 4) {
      testing::make_segment(folder, "b" + std::to_string(at), 8);
      const auto name = "cortex_kv_b" + std::to_string(at);
      flip(folder / name, header_at + at);
      CHECK(attach(name.c_str()) == "corrupt");
    }
  }
  SECTION("another length") {
    REQUIRE(::truncate(file.c_str(), 8 * 64 + 8192 + 64) == 0);
    CHECK(attach("cortex_kv_a") == "corrupt");
    REQUIRE(::truncate(file.c_str(), 100) == 0);
    CHECK(attach("cortex_kv_a") == "corrupt");
    REQUIRE(::truncate(file.c_str(), 0) == 0);
    CHECK(attach("cortex_kv_a") == "corrupt");
  }
  SECTION("other books") {
    testing::make_segment(folder, "c", 8);
    std::filesystem::rename(folder / "cortex_kvm_c", folder / "cortex_kvm_a");
    CHECK(attach("cortex_kv_a") == "corrupt");
    CHECK(attach("cortex_kv_c") == "corrupt"); // none at all
  }
  SECTION("short books") {
    REQUIRE(::truncate((folder / "cortex_kvm_a").c_str(), 64) == 0);
    CHECK(attach("cortex_kv_a") == "corrupt");
  }
  SECTION("a segment of the original, without a header") {
    std::ofstream{folder / "cortex_kv_o"} << std::string(4096 + 8192, '\0');
    REQUIRE(::chmod((folder / "cortex_kv_o").c_str(), 0600) == 0);
    CHECK(attach("cortex_kv_o") == "corrupt");
  }
  SECTION("others may read it") {
    REQUIRE(::chmod(file.c_str(), 0644) == 0);
    CHECK(attach("cortex_kv_a") == "permission");
  }
  SECTION("a link") {
    std::filesystem::create_symlink(file, folder / "cortex_kv_l");
    CHECK(attach("cortex_kv_l") == "permission");
  }
  SECTION("a pipe does not block") {
    REQUIRE(::mkfifo((folder / "cortex_kv_p").c_str(), 0600) == 0);
    CHECK(attach("cortex_kv_p") == "corrupt");
  }
}

TEST_CASE("damage that comes later is an error, and then what can be saved is",
          "[kv_cache][segment][security]") {
  const shared_folder folder;
  testing::make_segment(folder, "a", 8);
  const auto pool = kv::pool::attach("cortex_kv_a", in(folder)).value();
  REQUIRE(pool.allocate({.id = 1, .bytes = 64}));
  REQUIRE(pool.allocate({.id = 2, .bytes = 64}));
  const auto raw = kv::segment::open(folder.path(), "cortex_kv_a").value();
  raw.books().link(raw.books().sequence(raw.books().bucket_of(std::int64_t{2})).head).block = 1000;

  CHECK(pool.blocks_of(2).error() == errc::corrupt);

  CHECK(pool.sequences()->size() == 1);
  CHECK(pool.stats()->lost_sequences == 1);
  CHECK(pool.stats()->recoveries == 1);
  CHECK(pool.check()->empty());
}

TEST_CASE("a pool that was removed is closed for all who have it", "[kv_cache][segment]") {
  const shared_folder folder;
  testing::make_segment(folder, "a", 8);
  const auto pool = kv::pool::attach("cortex_kv_a", in(folder)).value();
  REQUIRE(pool.allocate({.id = 1, .bytes = 64}));

  kv::segment::open(folder.path(), "cortex_kv_a")->retire();
  REQUIRE(kv::remove_segments(folder.path(), "cortex_kv_a"));

  CHECK(pool.lookup(1).error() == errc::closed);
  CHECK(pool.data().size() == 8 * 64); // the memory is still there
  CHECK(folder.count() == 0);
}

TEST_CASE("whoever holds the lock for too long makes others late, not stuck",
          "[kv_cache][segment][errors]") {
  const shared_folder folder;
  testing::make_segment(folder, "a", 8);
  auto how = in(folder);
  how.patience = std::chrono::milliseconds{1};
  const auto pool = kv::pool::attach("cortex_kv_a", how).value();
  const auto raw = kv::segment::open(folder.path(), "cortex_kv_a").value();
  {
    const auto held = kv::segment_lock::acquire(raw, std::chrono::seconds{1});
    REQUIRE(held);
    CHECK(pool.usage().error() == errc::timeout);
    CHECK(kv::segment_lock::acquire(raw, std::chrono::nanoseconds{0}).error() == errc::timeout);
  }
  CHECK(pool.usage());
}

TEST_CASE("a full shared-memory file system is an error and leaves nothing behind",
          "[kv_cache][segment][errors]") {
  const testing::temp_dir folder;
  const auto path = folder.path().string();
  if (::mount("tmpfs", path.c_str(), "tmpfs", 0, "size=256k") != 0)
    CORTEX_SKIP("mounting a file system is not allowed");
  struct unmounted {
    const std::string& path;
    ~unmounted() { ::umount2(path.c_str(), MNT_DETACH); }
  } const at_end{path};
  kv::segment_plan plan;
  plan.name = "cortex_kv_big";
  plan.shape = kv::plan_geometry(400'000, 4096, 10).value();

  const auto made = kv::segment::make(path, plan);

  REQUIRE_FALSE(made);
  CHECK(made.error() == errc::no_space);
  CHECK(std::filesystem::is_empty(path));
  CHECK(*kv::available_bytes(path) >= 250'000);
  CHECK(*kv::available_bytes(path) <= 262'144);
  plan.shape = kv::plan_geometry(100'000, 4096, 10).value();
  CHECK(kv::segment::make(path, plan)); // there is room again
}

TEST_CASE("nothing of a segment is left if its process ends before it has its names",
          "[kv_cache][segment][recovery]") {
  const shared_folder folder;
  kv::segment_plan plan;
  plan.name = "cortex_kv_a";
  plan.shape = kv::plan_geometry(4096, 0, 10).value();
  {
    const auto made = kv::segment::make(folder.path(), plan);
    REQUIRE(made);
    CHECK(folder.count() == 0);
  }
  testing::make_segment(folder, "a", 8);
  const auto again = kv::segment::make(folder.path(), plan);
  CHECK(again->publish_as(folder.path()).error() == errc::already_exists);
  CHECK(folder.count() == 2);
}
