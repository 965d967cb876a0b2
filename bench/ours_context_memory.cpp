// The library's context memory in the original's test: opened with its defaults, on a runtime of
// its own; a record answers after COMMIT. Rerun: cortex_bench --only memory_

#include "cortex/context_memory.hpp"

#include "ours.hpp"
#include "rivals/record_connection.hpp"

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace cortex::bench {
namespace {

template <class T>
T opened(expected<T> result) {
  if (!result)
    throw std::runtime_error{to_string(result.error())};
  return *std::move(result);
}

class cortex_context_memory final : public memory_store {
public:
  explicit cortex_context_memory(const memory_setting& where)
    : shared_(where.shared), runtime_(opened(runtime::open())) {
    context_memory::options options;
    options.path = where.file.string();
    memory_.emplace(opened(context_memory::open(runtime_, std::move(options))));
  }
  ~cortex_context_memory() override {
    memory_.reset();
    if (const auto stopped = runtime_.stop(); !stopped)
      shared_->explain(to_string(stopped.error()));
  }

  outcome record(const std::string& category, const std::string& context,
                 const std::string& action) override {
    context_memory::entry what;
    what.category = category;
    what.context = context;
    what.action = action;
    return settle(memory_->call(context_memory::record{std::move(what)}));
  }

  outcome similar(const std::string& context, std::vector<std::int64_t>& ids) override {
    const auto found = memory_->call(context_memory::similar{context});
    ids.clear();
    if (found)
      for (const auto& each : *found)
        ids.push_back(each.id);
    return settle(found);
  }

private:
  template <class T>
  outcome settle(const expected<T>& answer) {
    return answer ? outcome::done : refused(shared_, to_string(answer.error()).c_str());
  }

  gate* shared_;
  runtime runtime_;
  std::optional<context_memory::memory> memory_;
};

} // namespace

std::unique_ptr<memory_store> open_cortex_context_memory(const memory_setting& where) {
  return std::make_unique<cortex_context_memory>(where);
}

} // namespace cortex::bench
