// The library's semantic cache in the original's test: opened with its defaults, on a runtime of
// its own; a put answers after COMMIT, counters are written behind and counted after the stop.
// Rerun: cortex_bench --only semantic_

#include "cortex/semantic_cache.hpp"

#include "ours.hpp"
#include "rivals/record_connection.hpp"

#include <optional>
#include <string>
#include <utility>

namespace cortex::bench {
namespace {

class cortex_semantic_cache final : public semantic_store {
public:
  explicit cortex_semantic_cache(const semantic_setting& where)
    : shared_(where.shared), runtime_(opened(runtime::open())) {
    semantic_cache::options options;
    options.path = where.file.string();
    options.max_entries = 500; // the defaults, whatever the environment says
    options.threshold = 0.86;
    cache_.emplace(opened(semantic_cache::open(runtime_, std::move(options))));
  }
  ~cortex_semantic_cache() override {
    cache_.reset();
    if (const auto stopped = runtime_.stop(); !stopped)
      shared_->explain(to_string(stopped.error()));
  }

  outcome put(const std::string& prompt, const std::vector<std::string>& commands) override {
    return settle(cache_->call(semantic_cache::put{key_of(prompt), commands}));
  }

  outcome get(const std::string& prompt, command_list& commands) override {
    auto answer = cache_->call(semantic_cache::get{key_of(prompt)});
    if (answer)
      commands = std::move(answer->commands);
    return settle(answer);
  }

private:
  static semantic_cache::key key_of(const std::string& prompt) {
    return {prompt, std::string{scope::provider}, std::string{scope::model}, scope::system_prompt};
  }

  template <class T>
  outcome settle(const expected<T>& answer) {
    return answer ? outcome::done : refused(shared_, to_string(answer.error()).c_str());
  }

  gate* shared_;
  runtime runtime_;
  std::optional<semantic_cache::cache> cache_;
};

} // namespace

std::unique_ptr<semantic_store> open_cortex_semantic_cache(const semantic_setting& where) {
  return std::make_unique<cortex_semantic_cache>(where);
}

} // namespace cortex::bench
