// What is measured: operations on one preferences file per second by 150 threads, two keys set and
// the file read once by each (450 operations), and ten times as many; and keys read per second by
// 100 threads. Left out: opening, starting the threads, reading the file again afterwards.
// Rerun: cortex_bench --only config_

#include "cortex/yaml.hpp"

#include "config.hpp"

#include <atomic>
#include <fstream>
#include <sstream>
#include <utility>

namespace cortex::bench {
namespace {

std::string key_of(unsigned thread, std::uint64_t number) {
  return "t" + std::to_string(thread) + '-' + std::to_string(number);
}

/// How many members the file has; 0 if it is no mapping.
std::size_t members_in(const std::filesystem::path& file) {
  std::ifstream in{file};
  std::ostringstream text;
  text << in.rdbuf();
  const auto read = yaml::parse(text.str());
  return read && read->root.members() != nullptr ? read->root.size() : 0;
}

class preference_subject final : public subject {
public:
  preference_subject(const preference_maker& maker, const preference_setting& where)
    : file_(where.file), store_(maker(where)) {}

  void run(worker& self) override {
    self.loop([&](std::uint64_t n) {
      const auto key = key_of(self.index(), n - n % 3 + (n % 3 == 2 ? 1 : 0));
      const auto value = static_cast<std::int64_t>(n - n % 3);
      if (n % 3 != 1) {
        const auto result = store_->set(key, value);
        if (result == outcome::done)
          saves_.fetch_add(1, std::memory_order_relaxed);
        return result;
      }
      std::int64_t found = 0;
      const auto result = store_->load(key_of(self.index(), n - 1), found);
      if (result != outcome::done || found == value)
        return result;
      self.explain("a key has another value: " + key);
      return outcome::failed;
    });
  }

  std::uint64_t close_and_count_lost() override {
    store_.reset();
    const auto present = members_in(file_);
    const auto saved = saves_.load();
    return saved > present ? saved - present : 0;
  }

private:
  std::filesystem::path file_;
  std::unique_ptr<preference_store> store_;
  alignas(64) std::atomic<std::uint64_t> saves_{0};
};

class read_subject final : public subject {
public:
  static constexpr unsigned keys = 100;

  read_subject(const preference_maker& maker, const preference_setting& where)
    : file_(where.file), store_(maker(where)) {
    for (unsigned i = 0; i < keys; ++i)
      if (store_->set(key_of(i, 0), i) == outcome::done)
        ++saves_;
  }

  void run(worker& self) override {
    std::int64_t found = 0;
    std::vector<std::string> names;
    for (unsigned i = 0; i < keys; ++i)
      names.push_back(key_of(i, 0));
    self.loop([&](std::uint64_t n) {
      const auto number = (n + self.index()) % keys;
      const auto result = store_->get(names[number], found);
      return result == outcome::done && found != static_cast<std::int64_t>(number) ? outcome::failed
                                                                                   : result;
    });
  }

  std::uint64_t close_and_count_lost() override {
    store_.reset();
    const auto present = members_in(file_);
    return saves_ > present ? saves_ - present : 0;
  }

private:
  std::filesystem::path file_;
  std::unique_ptr<preference_store> store_;
  std::size_t saves_ = 0;
};

template <class Subject>
subject_maker make(preference_maker maker) {
  return [maker = std::move(maker)](const setting& where) {
    return std::make_unique<Subject>(
      maker, preference_setting{where.directory / "preferences.yaml", where.shared});
  };
}

} // namespace

subject_maker preference_operations(preference_maker maker) {
  return make<preference_subject>(std::move(maker));
}

subject_maker preference_reads(preference_maker maker) {
  return make<read_subject>(std::move(maker));
}

} // namespace cortex::bench
