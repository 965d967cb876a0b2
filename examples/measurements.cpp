// Storage alone: a file with a schema that has grown, rows written in one go, a result streamed.
// Usage: measurements [FILE]
#include <cortex/storage.hpp>

#include <iostream>
#include <string>
#include <tuple>
#include <vector>

namespace store = cortex::storage;

namespace {

store::database_options options() {
  store::database_options out;
  out.schema.base = "CREATE TABLE IF NOT EXISTS sample(sensor TEXT NOT NULL, value REAL NOT NULL)";
  out.schema.migrations
    = {{1, "find samples by sensor", [](store::transaction& change) {
          return change.execute_script("CREATE INDEX sample_sensor ON sample(sensor)");
        }}};
  return out;
}

int give_up(const cortex::error& why) {
  std::cerr << why << '\n';
  return 1;
}

} // namespace

int main(int argc, char** argv) {
  auto db = store::database::open(argc > 1 ? argv[1] : "samples.db", options());
  if (!db)
    return give_up(db.error());

  // One write: all rows or none. `synced`: once it has returned, no power cut takes them.
  std::vector<std::tuple<std::string, double>> rows;
  for (int i = 0; i < 10'000; ++i)
    rows.emplace_back(i % 2 == 0 ? "inside" : "outside", 20.0 + i % 7);
  auto saved = db->write(
    [&](store::transaction& change) {
      return change.execute_many("INSERT INTO sample VALUES(?, ?)", rows);
    },
    store::write_options{.level = store::durability::synced});
  if (!saved)
    return give_up(saved.error());

  // A lease reads on this thread, from one state of the file; rows are made as they are asked for.
  auto view = db->lease({.owner = "the report"});
  if (!view)
    return give_up(view.error());
  auto warm = (*view)->query("SELECT sensor, value FROM sample WHERE value > ?", 24.0);
  if (!warm)
    return give_up(warm.error());
  double sum = 0;
  std::int64_t count = 0;
  auto done = warm->each([&](store::row sample) {
    sum += sample.get<double>(1);
    ++count;
  });
  if (!done)
    return give_up(done.error());
  std::cout << saved->value << " samples saved, " << count << " warm ones, "
            << sum / static_cast<double>(count) << " on average\n";
}
