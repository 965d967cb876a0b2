// The pools that the process holds, in this process and in a forked child.

#include "storage/pool_fixture.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <optional>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::close_all_pools;
using storage::connection_pool;
using storage::pool_scope;
using storage::pooled_connection;

namespace {

// ThreadSanitizer ends a child that starts threads if its parent had some.
#if defined(__SANITIZE_THREAD__)
constexpr bool threads_after_fork = false;
#elif defined(__has_feature)
constexpr bool threads_after_fork = !__has_feature(thread_sanitizer);
#else
constexpr bool threads_after_fork = true;
#endif

/// The pools that the process holds end with it, also those of a test that fails.
struct no_held_pools {
  no_held_pools() { REQUIRE(close_all_pools()); }
  no_held_pools(const no_held_pools&) = delete;
  no_held_pools& operator=(const no_held_pools&) = delete;
  ~no_held_pools() { static_cast<void>(close_all_pools()); }
};

int in_child(const std::function<int()>& check) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    ::_exit(check());
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace

TEST_CASE("one file has one shared pool, whatever the spelling of its path", "[pool][registry]") {
  const no_held_pools clean;
  temp_dir dir;
  const auto path = dir / "test.db";
  const auto pool = connection_pool::shared(path.string()).value();
  std::filesystem::create_symlink(path, dir / "link.db");
  std::filesystem::create_symlink(dir.path(), dir / "folder");

  CHECK(connection_pool::shared(path.string()).value() == pool);
  CHECK(connection_pool::shared((dir / "link.db").string()).value() == pool);
  CHECK(connection_pool::shared((dir / "folder" / "test.db").string()).value() == pool);
  CHECK(connection_pool::shared(std::filesystem::relative(path).string()).value() == pool);
  CHECK_FALSE(connection_pool::shared((dir / "other.db").string()).value() == pool);
  CHECK(connection_pool::shared(":memory:").value() == connection_pool::shared(":memory:").value());
  CHECK(pool.registered());
}

TEST_CASE("a pool that names no options has 5 connections and 5 seconds", "[pool][registry]") {
  const no_held_pools clean;
  temp_dir dir;

  const auto pool = connection_pool::shared((dir / "test.db").string()).value();

  CHECK(pool.options().size == 5);
  CHECK(pool.options().timeout == 5s);
  CHECK(pool.stats().idle == 5);
  auto held = connection_pool{pool}.borrow().value();
  CHECK(held.settings().value().busy_timeout == 5000);
}

TEST_CASE("the first request decides, and others are reported and counted", "[pool][registry]") {
  const no_held_pools clean;
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  log_lines log;
  runtime_options noting;
  noting.log = log.sink();
  auto rt = runtime::open(noting).value();
  auto pool = connection_pool::shared(rt, path, pool_of(2, 200ms)).value();
  CHECK(connection_pool::shared(rt, path, pool_of(2, 200ms)).value() == pool);
  CHECK(connection_pool::shared(rt, path).value() == pool);
  CHECK(pool.stats().mismatched_requests == 0);

  CHECK(connection_pool::shared(rt, path, pool_of(9, 200ms)).value() == pool);
  CHECK(connection_pool::shared(rt, path, pool_of(2, 3s)).value() == pool);

  CHECK(pool.options().size == 2);
  CHECK(pool.options().timeout == 200ms);
  CHECK(pool.stats().mismatched_requests == 2);
  CHECK(log.mention("size 9"));
  CHECK(log.mention("timeout 3.0s"));
  CHECK(log.mention("stays with size 2 and timeout 0.2s"));
}

TEST_CASE("the end of a scope closes a pool unless the process holds it", "[pool][registry]") {
  const no_held_pools clean;
  temp_dir dir;
  auto held = connection_pool::shared((dir / "held.db").string(), pool_of(2)).value();
  auto own = connection_pool::open((dir / "own.db").string(), pool_of(2)).value();

  {
    pool_scope first{held};
    CHECK(first->borrow());
    pool_scope second{own};
    CHECK((*second).borrow());
  }

  CHECK(held.stats().idle == 2);
  CHECK(held.borrow());
  CHECK(own.stats().idle == 0);
  CHECK(code_of(own.borrow()) == errc::closed);
}

TEST_CASE("closing all pools counts their connections and empties the registry",
          "[pool][registry]") {
  const no_held_pools clean;
  temp_dir dir;
  const auto path = (dir / "one.db").string();
  auto old = connection_pool::shared(path, pool_of(2)).value();
  REQUIRE(connection_pool::shared((dir / "two.db").string()));

  CHECK(close_all_pools().value().closed == 7);

  CHECK(old.closed());
  CHECK_FALSE(old.registered());
  const auto again = connection_pool::shared(path, pool_of(1)).value();
  CHECK_FALSE(again == old);
  CHECK(again.options().size == 1);
  CHECK(close_all_pools().value().closed == 1);
  CHECK(close_all_pools().value().closed == 0);
}

TEST_CASE("a shared pool that is closed leaves the registry", "[pool][registry]") {
  const no_held_pools clean;
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  auto pool = connection_pool::shared(path, pool_of(2)).value();

  REQUIRE(pool.close());

  CHECK_FALSE(pool.registered());
  CHECK(code_of(pool.borrow()) == errc::closed);
  auto next = connection_pool::shared(path, pool_of(3)).value();
  CHECK_FALSE(next == pool);
  CHECK(next.borrow());
  CHECK(next.stats().mismatched_requests == 0);
}

TEST_CASE("a shared pool whose runtime has stopped is made anew", "[pool][registry]") {
  const no_held_pools clean;
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  auto rt = runtime::open().value();
  auto pool = connection_pool::shared(rt, path, pool_of(2)).value();
  REQUIRE(rt.stop());

  auto next = connection_pool::shared(path, pool_of(2));

  REQUIRE(next);
  CHECK_FALSE(*next == pool);
  CHECK(next->borrow());
}

TEST_CASE("pools may be asked for while others close them all", "[pool][registry][concurrency]") {
  const no_held_pools clean;
  temp_dir dir;

  run_threads(6, [&](std::size_t index) {
    const auto path = (dir / (index % 2 == 0 ? "even.db" : "odd.db")).string();
    for (int i = 0; i < 30; ++i) {
      auto pool = connection_pool::shared(path, pool_of(2));
      if (!pool)
        throw std::runtime_error{to_string(pool.error())};
      if (auto held = pool->borrow(); !held && held.error().code != errc::closed)
        throw std::runtime_error{to_string(held.error())};
      if (index == 0 && i % 5 == 4)
        static_cast<void>(close_all_pools());
      if (index == 1 && i % 5 == 4)
        static_cast<void>(pool->close());
    }
  });

  CHECK(close_all_pools());
}

// -- fork -----------------------------------------------------------------------------------------

TEST_CASE("in a forked child every use of a pool is refused, the parent's goes on",
          "[pool][process][errors]") {
  const no_held_pools clean;
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  std::optional<connection_pool> pool = connection_pool::shared(path, pool_of(3)).value();
  std::optional<pooled_connection> reads = pool->borrow().value();
  std::optional<pooled_connection> writes = pool->borrow().value();
  REQUIRE(insert_item(*writes, 1));

  const int outcome = in_child([&] {
    if (code_of(pool->borrow()) != errc::forked)
      return 1;
    if (code_of(reads->value<int>("SELECT 1")) != errc::forked)
      return 2;
    if (code_of(insert_item(*writes, 2)) != errc::forked)
      return 3;
    if (code_of(insert_item(*reads, 2)) != errc::forked)
      return 4;
    if (code_of(writes->commit()) != errc::forked || code_of(writes->rollback()) != errc::forked)
      return 5;
    if (code_of(writes->value<int>("SELECT 1")) != errc::forked)
      return 6;
    if (code_of(reads->settings()) != errc::forked)
      return 7;
    if (code_of(pool->close()) != errc::forked)
      return 8;
    if (code_of(connection_pool::shared(path)) != errc::forked)
      return 9;
    if (!close_all_pools() || close_all_pools()->closed != 0)
      return 10;
    reads.reset();
    writes.reset();
    pool.reset();
    if (!threads_after_fork)
      return 0;
    auto own = connection_pool::shared((dir / "child.db").string(), pool_of(2));
    if (!own)
      return 11;
    auto held = own->borrow();
    return held && insert_item(*held, 1) && held->commit() ? 0 : 12;
  });

  CHECK(outcome == 0);
  REQUIRE(writes->commit());
  CHECK(items_seen(*reads) == 1);
  CHECK(pool->stats().lent == 2);
  if (threads_after_fork)
    CHECK(sqlite_probe{dir / "child.db"}.count("item") == 1);
}
