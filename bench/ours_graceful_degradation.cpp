// The library's response cache and patterns: opened with their defaults, the cache on a runtime of
// its own; a put answers after COMMIT, hits are written behind and counted after the stop.
// Rerun: cortex_bench --only response_ --only pattern_

#include "cortex/graceful_degradation.hpp"

#include "ours.hpp"
#include "rivals/record_connection.hpp"

#include <optional>
#include <string>
#include <utility>

namespace cortex::bench {
namespace {

namespace degraded = cortex::graceful_degradation;

class cortex_response_cache final : public response_store {
public:
  explicit cortex_response_cache(const response_setting& where)
    : shared_(where.shared), runtime_(opened(runtime::open())) {
    degraded::options options;
    options.path = where.file.string();
    manager_.emplace(opened(degraded::open(runtime_, std::move(options))));
  }
  ~cortex_response_cache() override {
    manager_.reset();
    if (const auto stopped = runtime_.stop(); !stopped)
      shared_->explain(to_string(stopped.error()));
  }

  outcome put(const std::string& query, const std::string& response) override {
    return settle(manager_->call(degraded::put{query, response}));
  }

  outcome get(const std::string& query, std::string& response) override {
    auto found = manager_->call(degraded::get{query});
    response.clear();
    if (found && *found)
      response = std::move((*found)->response);
    return settle(found);
  }

private:
  template <class T>
  outcome settle(const expected<T>& answer) {
    return answer ? outcome::done : refused(shared_, to_string(answer.error()).c_str());
  }

  gate* shared_;
  runtime runtime_;
  std::optional<degraded::manager> manager_;
};

class cortex_patterns final : public command_finder {
public:
  bool find(const std::string& query) override { return table_.match(query).has_value(); }

private:
  degraded::patterns table_ = degraded::patterns::built_in();
};

} // namespace

std::unique_ptr<response_store> open_cortex_response_cache(const response_setting& where) {
  return std::make_unique<cortex_response_cache>(where);
}

std::unique_ptr<command_finder> make_cortex_patterns() {
  return std::make_unique<cortex_patterns>();
}

} // namespace cortex::bench
