#include "cortex/config_manager/preferences_file.hpp"

#include "support/catch_compat.hpp"
#include "support/temp_dir.hpp"

#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

using namespace cortex;
using namespace cortex::config_manager;

namespace {

constexpr ::uid_t nobody = 65534;

/// Takes from this thread what root may do to the files of others.
class as_nobody {
public:
  as_nobody() noexcept { ::setfsuid(::geteuid() == 0 ? nobody : ::geteuid()); }
  as_nobody(const as_nobody&) = delete;
  as_nobody& operator=(const as_nobody&) = delete;
  ~as_nobody() { ::setfsuid(::geteuid()); }
};

yaml one_key(int value) {
  auto out = yaml::parse("a: " + std::to_string(value) + "\n");
  REQUIRE(out);
  return out->root;
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in{path};
  return {std::istreambuf_iterator<char>{in}, {}};
}

} // namespace

TEST_CASE("a file that is in place and may not survive a power cut is told as that",
          "[config_manager][errors]") {
  const testing::temp_dir outer;
  const auto folder = outer / "home";
  std::filesystem::create_directory(folder);
  if (::geteuid() == 0) {
    REQUIRE(::chown(folder.c_str(), nobody, nobody) == 0);
    REQUIRE(::chmod(outer.path().c_str(), 0711) == 0);
  }
  preferences_file file{(folder / "p.yaml").string(), {}, true};
  REQUIRE(file.read());
  // In such a folder files are made and renamed, and it cannot be opened to be flushed.
  REQUIRE(::chmod(folder.c_str(), 0300) == 0);

  const auto written = [&] {
    const as_nobody less;
    return file.write(one_key(1));
  }();

  REQUIRE(::chmod(folder.c_str(), 0700) == 0);
  REQUIRE_FALSE(written);
  CHECK(written.error().code == errc::outcome_unknown);
  CHECK(written.error().detail.find("p.yaml' is in place") != std::string::npos);
  CHECK(content_of(folder / "p.yaml") == "a: 1\n");
  CHECK((file.root() == one_key(1))); // what readers are told is what the file says
  const auto other = file.read();
  REQUIRE(other);
  CHECK_FALSE(*other);
  CHECK(file.write(one_key(2)));
  CHECK(content_of(folder / "p.yaml") == "a: 2\n");
}
