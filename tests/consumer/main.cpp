// A program outside the tree: it sees what is installed and nothing else. It hosts an actor of its
// own with a table of its own, and opens a built-in subsystem.
#include <cortex/cortex.hpp>
#ifndef CORTEX_RUNTIME_ONLY
#  include <cortex/semantic_cache.hpp>
#  include <cortex/storage.hpp>
#endif

#include <iostream>
#include <memory>

struct add {
  using reply = std::int64_t;
  std::int64_t amount = 0;
};

#ifdef CORTEX_RUNTIME_ONLY
struct ledger {
  using protocol = cortex::protocol<add>;
  std::int64_t total = 0;
  std::int64_t operator()(const add& request) { return total += request.amount; }
};

int main() {
  auto rt = cortex::runtime::open().value();
  auto book = rt.spawn<ledger>("ledger", [] { return std::make_unique<ledger>(); }).value();
  return book.call(add{40}).value() + book.call(add{2}).value() == 82 ? 0 : 1;
}
#else
struct ledger {
  using protocol = cortex::protocol<add>;
  cortex::storage::database file;

  void operator()(const add& request, cortex::promise<std::int64_t> reply) {
    static_cast<void>(
      file
        .write_async([amount = request.amount](
                       cortex::storage::transaction& change) -> cortex::expected<std::int64_t> {
          if (auto done = change.execute("INSERT INTO entry(amount) VALUES(?)", amount); !done)
            return cortex::fail(done.error());
          return change.value<std::int64_t>("SELECT sum(amount) FROM entry");
        })
        .then(cortex::inline_executor(), [reply = std::move(reply)](auto done) mutable {
          if (done)
            reply.set(done->value);
          else
            reply.set(cortex::fail(done.error()));
        }));
  }
};

int main() {
  auto rt = cortex::runtime::open().value();
  cortex::storage::database_options options;
  options.schema.base = "CREATE TABLE entry(amount INTEGER)";
  auto file = cortex::storage::database::open(rt, ":memory:", options).value();
  auto book = rt.spawn<ledger>("ledger", [file] { return ledger{file}; }).value();
  const auto first = book.call(add{40}).value();
  const auto second = book.call(add{2}).value();

  auto cache = cortex::semantic_cache::open(rt, {.path = ":memory:"}).value();
  const cortex::semantic_cache::key prompt{"list files", "local", "any", ""};
  const auto stored = cache.call(cortex::semantic_cache::put{prompt, {"ls"}});
  const auto found = cache.call(cortex::semantic_cache::get{prompt});

  std::cout << first << ' ' << second << ' ' << found->commands->front() << '\n';
  return first == 40 && second == 42 && stored && found->commands->front() == "ls" ? 0 : 1;
}
#endif
