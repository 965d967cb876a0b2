// The library's limit profiles on a runtime of their own; a save answers after COMMIT.
// Rerun: cortex_bench --only limits_

#include "cortex/accelerator_limits.hpp"

#include "ours.hpp"
#include "rivals/record_connection.hpp"

#include <optional>
#include <string>
#include <utility>

namespace cortex::bench {
namespace {

namespace limits = cortex::accelerator_limits;

class cortex_limits final : public limit_store {
public:
  explicit cortex_limits(const limit_setting& where)
    : shared_(where.shared), runtime_(opened(runtime::open())) {
    limits::options options;
    options.path = where.file.string();
    options.level = storage::durability::committed;
    profiles_.emplace(opened(limits::open(runtime_, std::move(options))));
  }
  ~cortex_limits() override {
    profiles_.reset();
    if (const auto stopped = runtime_.stop(); !stopped)
      shared_->explain(to_string(stopped.error()));
  }

  outcome save(const std::string& name, const limit_numbers& numbers) override {
    limits::profile what;
    what.name = name;
    what.cpu_quota = numbers.cpu_quota;
    what.gpu_ids = numbers.gpu_ids;
    return settle(profiles_->call(limits::create{std::move(what)}));
  }

  outcome get(const std::string& name, limit_numbers& numbers) override {
    auto found = profiles_->call(limits::get{name});
    if (found) {
      numbers.cpu_quota = static_cast<std::int64_t>(limits::value_of(found->cpu_quota));
      numbers.gpu_ids = std::move(found->gpu_ids);
    }
    return settle(found);
  }

private:
  template <class T>
  outcome settle(const expected<T>& answer) {
    return answer ? outcome::done : refused(shared_, to_string(answer.error()).c_str());
  }

  gate* shared_;
  runtime runtime_;
  std::optional<limits::limits> profiles_;
};

} // namespace

std::unique_ptr<limit_store> open_cortex_limits(const limit_setting& where) {
  return std::make_unique<cortex_limits>(where);
}

} // namespace cortex::bench
