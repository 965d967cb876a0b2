// The library's preferences on a runtime of their own; a save answers when the file is on the disk.
// Rerun: cortex_bench --only config_

#include "cortex/config_manager.hpp"

#include "config.hpp"
#include "ours.hpp"
#include "rivals/record_connection.hpp"

#include <optional>
#include <string>
#include <utility>

namespace cortex::bench {
namespace {

namespace config = cortex::config_manager;

class cortex_preferences final : public preference_store {
public:
  explicit cortex_preferences(const preference_setting& where)
    : shared_(where.shared), runtime_(opened(runtime::open())) {
    config::options options;
    options.path = where.file.string();
    options.system_file.clear();
    options.environment.emplace();
    manager_.emplace(opened(config::open(runtime_, std::move(options))));
  }
  ~cortex_preferences() override {
    manager_.reset();
    if (const auto stopped = runtime_.stop(); !stopped)
      shared_->explain(to_string(stopped.error()));
  }

  outcome set(const std::string& key, std::int64_t value) override {
    const auto done = manager_->call(config::update_preferences{{{{key}, yaml{value}}}});
    return done ? outcome::done : refused(shared_, to_string(done.error()).c_str());
  }

  outcome load(const std::string& key, std::int64_t& value) override {
    const auto all = manager_->call(config::load_preferences{});
    return take(all ? all->find(key) : nullptr, value);
  }

  outcome get(const std::string& key, std::int64_t& value) override {
    const auto found = manager_->get(config::key_path{key});
    return take(found ? &found->content : nullptr, value);
  }

private:
  outcome take(const yaml* found, std::int64_t& value) {
    const auto number = found != nullptr ? found->as_int64() : std::nullopt;
    if (!number)
      return refused(shared_, "no such key");
    value = *number;
    return outcome::done;
  }

  gate* shared_;
  runtime runtime_;
  std::optional<config::manager> manager_;
};

} // namespace

std::unique_ptr<preference_store> open_cortex_preferences(const preference_setting& where) {
  return std::make_unique<cortex_preferences>(where);
}

} // namespace cortex::bench
