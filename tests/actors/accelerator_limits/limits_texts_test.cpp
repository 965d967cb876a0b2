#include "limits_fixture.hpp"

#include <string>

namespace testing = cortex::testing;
namespace limits = cortex::accelerator_limits;
using cortex::errc;
using testing::profile_of;

namespace {

std::string cpus_in_status(limits::cpu_percent percent) {
  auto what = profile_of("n");
  what.cpu_quota = percent;
  const auto text = limits::status_text({what});
  const auto row = text.find("\nn ") + 1;
  const auto begin = row + 20 + 1 + 12 + 1; // name, preset
  return text.substr(begin, text.find("     ", begin) - begin);
}

} // namespace

TEST_CASE("AL-8: the status shows one decimal of CPUs where it is needed", "[accelerator_limits]") {
  CHECK(cpus_in_status(std::int64_t{400}) == "4");
  CHECK(cpus_in_status(250.0) == "2.5");
  CHECK(cpus_in_status(std::int64_t{150}) == "1.5");
  CHECK(cpus_in_status(33.3) == "0.3");
  CHECK(cpus_in_status(100.4) == "1");
  CHECK(cpus_in_status(1e6) == "10000");
}

TEST_CASE("the status is a table whose columns count characters", "[accelerator_limits]") {
  auto wide = profile_of("caf\u00e9");
  wide.memory_max = 2'500'000'000; // half to even
  wide.gpu_ids = {7, 5};
  CHECK(limits::status_text({wide})
        == "\nNAME                 PRESET       CPU      MEMORY     GPUS      \n"
             + std::string(65, '-')
             + "\ncaf\u00e9                 inference    4      2G      7,5       \n");
  CHECK(limits::status_text({})
        == "\nNAME                 PRESET       CPU      MEMORY     GPUS      \n"
             + std::string(65, '-') + "\n");
}

TEST_CASE("no name moves the cursor of a terminal", "[accelerator_limits][errors]") {
  const auto text = limits::status_text({profile_of("a\x1b[2J\n\u009b\x7f")});
  CHECK(text.find("a?[2J???") != std::string::npos);
}

TEST_CASE("AL-9: exported values are quoted where a shell needs it", "[accelerator_limits]") {
  CHECK(limits::export_text({{{"CUDA_VISIBLE_DEVICES", "0,1"}}})
        == "export CUDA_VISIBLE_DEVICES=0,1\n");
  CHECK(limits::export_text({{{"CUDA_VISIBLE_DEVICES", ""}}})
        == "export CUDA_VISIBLE_DEVICES=''\n");
  CHECK(limits::export_text({{{"A", "x; rm -rf $HOME"}, {"B", "it's"}}})
        == "export A='x; rm -rf $HOME'\nexport B='it'\"'\"'s'\n");
  CHECK(limits::export_text({}).empty());
}

TEST_CASE("AL-4: sizes are read with units of 1000 and of 1024, and an unclear one is refused",
          "[accelerator_limits][errors]") {
  CHECK(limits::parse_bytes("0").value() == 0);
  CHECK(limits::parse_bytes("1024").value() == 1024);
  CHECK(limits::parse_bytes("5B").value() == 5);
  CHECK(limits::parse_bytes("2kB").value() == 2000);
  CHECK(limits::parse_bytes("2KiB").value() == 2048);
  CHECK(limits::parse_bytes("32GB").value() == 32'000'000'000);
  CHECK(limits::parse_bytes("32 GiB").value() == 34'359'738'368);
  CHECK(limits::parse_bytes("1tib").value() == 1'099'511'627'776);
  for (const auto* bad : {"", "GB", "-1", "+1", "1.5GB", "32G", "1m", "1XB", "1GBs", "0x10", " 1",
                          "9223372036854775808", "9223372036854775807kB", "1e9"})
    CHECK(limits::parse_bytes(bad).error() == errc::invalid_argument);
}
