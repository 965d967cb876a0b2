// Coroutines: a thousand accounts are opened and paid into at the same time, from one thread.
// Usage: many_at_once [FILE]
#include <cortex/cortex.hpp>
#include <cortex/storage.hpp>

#include <iostream>
#include <vector>

namespace store = cortex::storage;

namespace {

// `co_await` gives an `expected`; while it waits, the thread does something else.
cortex::task<std::int64_t> open_and_pay(store::database db, std::int64_t amount) {
  auto opened = co_await db.write_async([](store::transaction& change) {
    return change.execute("INSERT INTO account(balance) VALUES(0)");
  });
  if (!opened)
    co_return cortex::unexpected{opened.error()};
  const auto id = opened->value.last_id;
  auto paid = co_await db.write_async([id, amount](store::transaction& change) {
    return change.execute("UPDATE account SET balance = balance + ? WHERE id = ?", amount, id);
  });
  if (!paid)
    co_return cortex::unexpected{paid.error()};
  co_return co_await db.read_async([id](store::snapshot& view) {
    return view.value<std::int64_t>("SELECT balance FROM account WHERE id = ?", id);
  });
}

} // namespace

int main(int argc, char** argv) {
  auto rt = cortex::runtime::open().value();
  store::database_options options;
  options.schema.base
    = "CREATE TABLE IF NOT EXISTS account(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)";
  auto db = store::database::open(rt, argc > 1 ? argv[1] : "accounts.db", options).value();

  std::vector<cortex::future<std::int64_t>> balances;
  for (std::int64_t i = 1; i <= 1'000; ++i)
    balances.push_back(rt.start(open_and_pay(db, i)));
  std::int64_t total = 0;
  for (auto& balance : balances) {
    auto paid = balance.get();
    if (!paid) {
      std::cerr << paid.error() << '\n';
      return 1;
    }
    total += *paid;
  }
  const auto stats = db.stats();
  std::cout << total << " paid by " << stats.writes << " writes in " << stats.commits
            << " commits\n";
}
