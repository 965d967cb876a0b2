// The databases that `make_files` writes, looked at with plain SQLite.
#include "support/catch_compat.hpp"
#include "support/child_process.hpp"
#include "support/sqlite_probe.hpp"
#include "support/temp_dir.hpp"
#include "support/vectors.hpp"

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

namespace testing = cortex::testing;
namespace fs = std::filesystem;

namespace {

/// Every table of the original with its columns, and every index, as one text.
std::string schema_of(const fs::path& file) {
  testing::sqlite_probe probe{file};
  return probe
    .text("SELECT group_concat(line, char(10)) FROM (SELECT m.type || ' ' || m.name || ' on ' || "
          "m.tbl_name || ' ' || coalesce((SELECT group_concat(c.name || ' ' || c.type || ' ' || "
          "c.\"notnull\" || ' ' || c.pk || ' ' || coalesce(c.dflt_value, '-')) "
          "FROM pragma_table_info(m.name) AS c), '') AS line FROM sqlite_master AS m "
          "WHERE m.tbl_name NOT LIKE 'cortex\\_%' ESCAPE '\\' ORDER BY m.type, m.name)")
    .value_or("");
}

} // namespace

TEST_CASE("the files for other programs are whole and have the original's schema",
          "[make_files][vectors]") {
  const testing::temp_dir folder;
  testing::child_process maker{{CORTEX_MAKE_FILES, folder.path().string()}};
  const auto ended = maker.wait(std::chrono::seconds{100});
  REQUIRE(ended);
  REQUIRE(ended->ok());
  testing::case_counter counter{"make_files"};
  // What the original wrote is named after the subsystem; the name of its table of rows tells.
  std::istringstream names{maker.output()};
  for (std::string name; std::getline(names, name);) {
    INFO("file " << name);
    const auto file = folder / name;
    REQUIRE(fs::exists(file));
    CHECK_FALSE(fs::exists(folder / (name + "-wal"))); // closed in order
    testing::sqlite_probe probe{file};
    CHECK(probe.integrity_check() == "ok");
    CHECK(probe.text("PRAGMA user_version") == "0");
    bool found = false;
    const auto schema = schema_of(file);
    for (const auto& original : fs::directory_iterator{testing::vector_folder() / "db"}) {
      if (original.path().extension() != ".sqlite")
        continue;
      const auto copy = folder / (name + ".original"); // opening a WAL file changes it
      fs::copy_file(original.path(), copy, fs::copy_options::overwrite_existing);
      found = found || schema_of(copy) == schema;
      for (const auto* end : {"", "-wal", "-shm"})
        fs::remove(copy.string() + end);
    }
    CHECK(found);
    counter.ran();
  }
  counter.require_any();

  testing::child_process again{{CORTEX_MAKE_FILES, folder.path().string()}};
  const auto refused = again.wait();
  REQUIRE(refused);
  CHECK_FALSE(refused->ok()); // overwrites nothing
}
