// Profiles opened in a fresh folder.
#pragma once

#include "cortex/accelerator_limits.hpp"

#include "support/catch_compat.hpp"
#include "support/temp_dir.hpp"

#include <optional>
#include <string>
#include <vector>

namespace cortex::testing {

/// Not thread-safe, but for the profiles themselves.
struct limits_fixture {
  limits_fixture() { rt.emplace(runtime::open().value()); }

  [[nodiscard]] accelerator_limits::options options() const {
    accelerator_limits::options wanted;
    wanted.path = file();
    wanted.level = storage::durability::committed;
    return wanted;
  }
  [[nodiscard]] std::string file() const { return (folder / "limits.db").string(); }
  [[nodiscard]] accelerator_limits::limits open(const accelerator_limits::options& wanted) const {
    auto opened = accelerator_limits::open(*rt, wanted);
    INFO((opened ? std::string{} : to_string(opened.error())));
    REQUIRE(opened);
    return *std::move(opened);
  }
  [[nodiscard]] accelerator_limits::limits open() const { return open(options()); }
  /// Ends the runtime and with it all that is open, then starts another one.
  void restart() {
    REQUIRE(rt->stop());
    rt.emplace(runtime::open().value());
  }

  temp_dir folder;
  std::optional<runtime> rt;
};

inline accelerator_limits::profile profile_of(const std::string& name) {
  accelerator_limits::profile what;
  what.name = name;
  return what;
}

/// The rows of the file, in their order.
inline std::vector<std::pair<std::string, std::string>>
rows_of(const accelerator_limits::limits& opened) {
  auto file = opened.database();
  auto read = file.read([](storage::snapshot& view) {
    return view.all<std::string, std::string>("SELECT name, config FROM profiles ORDER BY rowid");
  });
  REQUIRE(read);
  std::vector<std::pair<std::string, std::string>> out;
  for (auto& [name, config] : *read)
    out.emplace_back(std::move(name), std::move(config));
  return out;
}

inline void change_file(const accelerator_limits::limits& opened, const std::string& sql) {
  auto file = opened.database();
  REQUIRE(file.write([&](storage::transaction& in) { return in.execute_script(sql); }));
}

} // namespace cortex::testing
