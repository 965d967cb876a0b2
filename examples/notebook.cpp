#include <cortex/cortex.hpp>
#include <cortex/storage.hpp>

#include <iostream>

namespace store = cortex::storage;

struct add_note {
  using reply = store::written<store::changes>;
  std::string text;
};
struct count_notes {
  using reply = std::int64_t;
};

struct notebook { // a plain class; the runtime makes it an actor: supervised, bounded, measured
  using protocol = cortex::protocol<add_note, count_notes>;
  store::database file;

  auto operator()(const add_note& note) { // a future: the reply comes after COMMIT
    return file.write_async([text = note.text](store::transaction& change) {
      return change.execute("INSERT INTO note(text) VALUES(?)", text);
    });
  }
  auto operator()(const count_notes&) { // a reader thread answers while the actor goes on
    return file.read_async(
      [](store::snapshot& view) { return view.value<std::int64_t>("SELECT count(*) FROM note"); });
  }
};

int main(int argc, char** argv) {
  auto rt = cortex::runtime::open().value();
  store::database_options options;
  options.schema.base = "CREATE TABLE IF NOT EXISTS note(text TEXT NOT NULL)";
  auto file = store::database::open(rt, argc > 1 ? argv[1] : "notes.db", options).value();
  auto notes = rt.spawn<notebook>("notebook", [file] { return notebook{file}; }).value();

  auto saved = notes.call(add_note{"remember the milk"}).value();
  std::cout << "commit " << saved.commit << ", " << notes.call(count_notes{}).value() << " notes\n";
}
