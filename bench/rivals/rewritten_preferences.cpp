#include "rivals/rewritten_preferences.hpp"

#include "cortex/yaml.hpp"

#include "rivals/record_connection.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <mutex>
#include <optional>
#include <sstream>

namespace cortex::bench {
namespace {

bool write_synced(const std::filesystem::path& file, const std::string& text) {
  const auto temporary = file.string() + ".new";
  const int out = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (out < 0)
    return false;
  const bool written = ::write(out, text.data(), text.size()) == static_cast<ssize_t>(text.size())
                       && ::fsync(out) == 0;
  ::close(out);
  if (!written || std::rename(temporary.c_str(), file.c_str()) != 0)
    return false;
  const int folder = ::open(file.parent_path().c_str(), O_RDONLY | O_CLOEXEC);
  const bool flushed = folder >= 0 && ::fsync(folder) == 0;
  ::close(folder);
  return flushed;
}

bool write_in_place(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out{file, std::ios::trunc};
  out << text;
  return static_cast<bool>(out.flush());
}

class rewritten_preferences final : public preference_store {
public:
  rewritten_preferences(const preference_setting& where,
                        bool (*write)(const std::filesystem::path&, const std::string&))
    : file_(where.file), shared_(where.shared), write_(write) {}

  outcome set(const std::string& key, std::int64_t value) override {
    const std::lock_guard guard{mutex_};
    auto all = read();
    all.set(key, value);
    const auto text = all.dump();
    if (!text || !write_(file_, *text))
      return refused(shared_, "the file was not written");
    memory_ = std::move(all);
    return outcome::done;
  }

  outcome load(const std::string& key, std::int64_t& value) override {
    const std::lock_guard guard{mutex_};
    return take(read(), key, value);
  }

  outcome get(const std::string& key, std::int64_t& value) override {
    const std::lock_guard guard{mutex_};
    return take(memory_, key, value);
  }

private:
  [[nodiscard]] yaml read() const {
    std::ifstream in{file_};
    std::ostringstream text;
    text << in.rdbuf();
    auto document = yaml::parse(text.str());
    return document && document->root.members() != nullptr ? std::move(document->root)
                                                           : yaml::mapping();
  }
  outcome take(const yaml& from, const std::string& key, std::int64_t& value) {
    const auto* found = from.find(key);
    const auto number = found != nullptr ? found->as_int64() : std::nullopt;
    if (!number)
      return refused(shared_, "no such key");
    value = *number;
    return outcome::done;
  }

  std::filesystem::path file_;
  gate* shared_;
  bool (*write_)(const std::filesystem::path&, const std::string&);
  std::mutex mutex_;
  yaml memory_ = yaml::mapping(); // guarded by mutex_
};

} // namespace

std::unique_ptr<preference_store> open_synced_preferences(const preference_setting& where) {
  return std::make_unique<rewritten_preferences>(where, write_synced);
}

std::unique_ptr<preference_store> open_in_place_preferences(const preference_setting& where) {
  return std::make_unique<rewritten_preferences>(where, write_in_place);
}

} // namespace cortex::bench
