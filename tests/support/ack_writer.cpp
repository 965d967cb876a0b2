// Writes rows and notes each acknowledgement in a log, until it is done or killed:
//
//   ack_writer --db FILE --acks FILE --threads N --writes M --durability committed|synced --seed S
//
// Table `ack(key INTEGER PRIMARY KEY, value TEXT)`. After each reply one line {"k": key, "v":
// value} goes to the log with a single write(2). Keys go on after the largest one found.
#include "cortex/database.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <iostream>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace cortex;

struct settings {
  std::string db;
  std::string acks;
  std::int64_t threads = 0;
  std::int64_t writes = 0;
  storage::durability level = storage::durability::committed;
  std::uint64_t seed = 0;
};

settings parse(int count, char** arguments) {
  std::map<std::string, std::string> given;
  for (int i = 1; i + 1 < count; i += 2)
    given[arguments[i]] = arguments[i + 1];
  settings out;
  out.db = given.at("--db");
  out.acks = given.at("--acks");
  out.threads = std::stoll(given.at("--threads"));
  out.writes = std::stoll(given.at("--writes"));
  if (given.at("--durability") == "synced")
    out.level = storage::durability::synced;
  else if (given.at("--durability") != "committed")
    throw std::invalid_argument{"--durability committed|synced"};
  out.seed = std::stoull(given.at("--seed"));
  return out;
}

storage::database open(const settings& from) {
  storage::database_options how;
  how.level = from.level;
  how.checkpoint_pages = 100; // so that kills meet checkpoints too
  how.schema.base = "CREATE TABLE IF NOT EXISTS ack(key INTEGER PRIMARY KEY, value TEXT)";
  return std::move(storage::database::open(from.db, how)).value();
}

std::int64_t largest_key(storage::database& in) {
  return in
    .read([](storage::snapshot& view) {
      return view.one<std::int64_t>("SELECT coalesce(max(key), 0) FROM ack");
    })
    .value()
    .value();
}

void acknowledge(int log, std::int64_t key, const std::string& value) {
  const auto line = "{\"k\": " + std::to_string(key) + ", \"v\": \"" + value + "\"}\n";
  if (::write(log, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    throw std::runtime_error{"cannot write the log of acknowledgements"};
}

void write_rows(storage::database db, const settings& how, std::int64_t first, int log) {
  std::mt19937_64 random{how.seed * 1000 + static_cast<std::uint64_t>(first)};
  for (std::int64_t i = 0; i < how.writes; ++i) {
    const auto key = first + i * how.threads;
    const auto value = std::to_string(random()) + std::string(random() % 200, 'x');
    auto done = db.write([&](storage::transaction& in) {
      return in.execute("INSERT INTO ack(key, value) VALUES(?, ?)", key, value);
    });
    if (!done)
      throw std::runtime_error{to_string(done.error())};
    acknowledge(log, key, value);
  }
}

} // namespace

int main(int count, char** arguments) {
  try {
    const auto how = parse(count, arguments);
    auto db = open(how);
    const int log = ::open(how.acks.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0)
      throw std::runtime_error{"cannot open " + how.acks};
    const auto first = largest_key(db) + 1;
    std::atomic<bool> failed{false};
    {
      std::vector<std::jthread> threads;
      for (std::int64_t thread = 0; thread < how.threads; ++thread)
        threads.emplace_back([&, thread] {
          try {
            write_rows(db, how, first + thread, log);
          } catch (const std::exception& problem) {
            std::cerr << "ack_writer: " << problem.what() << '\n';
            failed = true;
          }
        });
    }
    ::close(log);
    return failed ? 1 : 0;
  } catch (const std::exception& problem) {
    std::cerr << "ack_writer: " << problem.what() << '\n';
    return 1;
  }
}
