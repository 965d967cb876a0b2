// The file that is written for other readers.
#include "registry_fixture.hpp"

namespace testing = cortex::testing;
namespace kv = cortex::kv_cache;

void write_kv_cache(const std::filesystem::path& dir);

TEST_CASE("a made file has pools of every kind and opens again", "[kv_cache]") {
  const testing::registry_fixture t;
  write_kv_cache(t.folder.path());

  CHECK(testing::sqlite_probe{t.file()}.count("pools") == 24);
  CHECK(testing::sqlite_probe{t.file()}.count("stats") == 24);
  CHECK(testing::sqlite_probe{t.file()}.count("entries") > 20);
  const auto pools = t.open();
  CHECK(pools.notices().empty());
  CHECK(pools.call(kv::list{})->size() == 24);
  CHECK(pools.call(kv::get{"saved twice"})->value().config
        == kv::configuration{"saved twice", 2, "", 0});
}
