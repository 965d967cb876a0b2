// The threads of a database: who does its work.

#include "cortex/cortex.hpp"

#include "storage/write_fixture.hpp"

#include <stdexcept>

using namespace cortex;
using namespace cortex::testing;

namespace {

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
