// The threads of a database: who does its work.

#include "cortex/cortex.hpp"

#include "storage/write_fixture.hpp"

#include <pthread.h>

#include <optional>
#include <stdexcept>

using namespace cortex;
using namespace cortex::testing;
using storage::snapshot;
using storage::transaction;

namespace {

/// As long as it lives no thread can be started: no stack of the default size fits into memory.
class no_more_threads {
public:
  no_more_threads() {
    pthread_attr_t large;
    REQUIRE(::pthread_getattr_default_np(&before_) == 0);
    REQUIRE(::pthread_getattr_default_np(&large) == 0);
    REQUIRE(::pthread_attr_setstacksize(&large, std::size_t{1} << 60U) == 0);
    REQUIRE(::pthread_setattr_default_np(&large) == 0);
    static_cast<void>(::pthread_attr_destroy(&large));
  }
  no_more_threads(const no_more_threads&) = delete;
  no_more_threads& operator=(const no_more_threads&) = delete;
  ~no_more_threads() {
    static_cast<void>(::pthread_setattr_default_np(&before_));
    static_cast<void>(::pthread_attr_destroy(&before_));
  }

private:
  pthread_attr_t before_{};
};

/// Throws at its first request; the object that takes over begins with a write of its own.
struct reckon {
  using reply = int;
};

class recorder {
public:
  using protocol = cortex::protocol<reckon>;

  explicit recorder(bool throws) : throws_{throws} {}
  int operator()(const reckon&) {
    if (throws_)
      throw std::runtime_error{"the first one"};
    return 1;
  }

private:
  bool throws_;
};

} // namespace

TEST_CASE("without a thread for it a write is done by its caller, and a read says why it cannot be",
          "[storage][threads][errors]") {
  item_database t;
  std::optional<no_more_threads> limit{std::in_place};

  auto write = t.db.write_async(
    [](transaction& in) { return in.execute("INSERT INTO item(key, value) VALUES(1, 1)"); });
  auto read = t.db.read_async([](snapshot&) {});
  limit.reset();

  REQUIRE(write.ready());
  CHECK(write.get());
  REQUIRE(read.ready());
  auto refused = read.get();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::unavailable);
  CHECK(mentions(refused.error().detail, "thread"));
  CHECK(t.db.write_async(insert(2)).get());
  CHECK(t.db.read_async([](snapshot&) {}).get());
  CHECK(t.db.close(default_deadline));
}

TEST_CASE("an object that is made anew on a lent thread may wait for a write",
          "[storage][threads]") {
  auto rt = runtime::open().value();
  item_database t{{}, {}, &rt};
  int made = 0;
  auto actor = rt.spawn<recorder>("recorder", [&] {
    if (++made == 2)
      static_cast<void>(t.db.write_async(insert(2)).get().value());
    return recorder{made == 1};
  });
  REQUIRE(actor);

  auto crashed = actor->call(reckon{});

  CHECK(crashed.error().code == errc::internal);
  CHECK(actor->call(reckon{}).value() == 1);
  CHECK(made == 2);
  CHECK(t.keys() == std::set<row_id>{2});
}
