// A small local agent: a cache of answers, an actor of its own with a table, an end in order.
// Usage: agent FOLDER QUESTION...
#include <cortex/cortex.hpp>
#include <cortex/semantic_cache.hpp>
#include <cortex/storage.hpp>

#include <iostream>
#include <string>
#include <vector>

namespace store = cortex::storage;

namespace {

struct note_down {
  using reply = store::written<store::changes>;
  std::string question;
  bool remembered = false;
};
struct count_questions {
  using reply = std::int64_t;
};

struct journal { // who asked what: kept by an actor, written for good before the reply
  using protocol = cortex::protocol<note_down, count_questions>;
  store::database file;

  auto operator()(const note_down& asked) {
    return file.write_async(
      [asked](store::transaction& change) {
        return change.execute("INSERT INTO journal VALUES(?, ?)", asked.question, asked.remembered);
      },
      store::write_options{.level = store::durability::synced});
  }
  auto operator()(const count_questions&) {
    return file.read_async([](store::snapshot& view) {
      return view.value<std::int64_t>("SELECT count(*) FROM journal");
    });
  }
};

// Stands for a call to a model, which takes seconds and costs money.
cortex::expected<std::vector<std::string>> ask_model(const std::string& question) {
  return std::vector<std::string>{"echo " + std::to_string(question.size()) + " letters"};
}

} // namespace

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : ".";
  auto rt = cortex::runtime::open().value();
  auto cache = cortex::semantic_cache::open(rt, {.path = folder + "/cache.db"}).value();
  store::database_options options;
  options.schema.base
    = "CREATE TABLE IF NOT EXISTS journal(question TEXT NOT NULL, remembered INTEGER NOT NULL)";
  auto file = store::database::open(rt, folder + "/journal.db", options).value();
  auto notes = rt.spawn<journal>("journal", [file] { return journal{file}; }).value();

  for (int i = 2; i < argc; ++i) {
    const std::string question = argv[i];
    const cortex::semantic_cache::key prompt{question, "local", "echo", "Answer with a command."};
    auto answer = cache.get_or_compute(prompt, [&] { return ask_model(question); });
    if (!answer) {
      std::cerr << answer.error() << '\n';
      continue; // a model that is down is no reason to stop
    }
    const bool remembered = answer->kind != cortex::semantic_cache::match::computed;
    if (auto noted = notes.call(note_down{question, remembered}); !noted)
      std::cerr << noted.error() << '\n';
    std::cout << (remembered ? "remembered: " : "asked: ") << answer->commands->front() << '\n';
  }
  std::cout << notes.call(count_questions{}).value() << " questions so far\n";

  if (auto stopped = rt.stop(std::chrono::seconds{5}); !stopped) { // names what is still alive
    std::cerr << stopped.error() << '\n';
    return 1;
  }
}
