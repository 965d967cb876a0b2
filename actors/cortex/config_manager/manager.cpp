// What is answered without a message.
#include "cortex/config_manager/manager.hpp"

#include "cortex/config_manager/versions.hpp"

namespace cortex::config_manager {

manager::manager(const handle& actor, std::shared_ptr<const detail::manager_parts> parts)
  : handle(actor), parts_(std::move(parts)) {}

const std::vector<std::string>& manager::notices() const noexcept {
  return parts_->notices;
}

const std::string& manager::path() const noexcept {
  return parts_->path;
}

expected<value> manager::get(const key_path& key) const {
  return parts_->in->preferences->values().read(
    [&key](const snapshot& now) { return now.get(key); });
}

std::shared_ptr<const yaml> manager::preferences() const {
  return parts_->in->preferences->values().read([](const snapshot& now) { return now.merged; });
}

std::vector<std::string> manager::warnings() const {
  return parts_->in->preferences->values().read([](const snapshot& now) { return now.warnings; });
}

std::optional<error> manager::problem() const {
  return parts_->in->preferences->values().read([](const snapshot& now) { return now.problem; });
}

subscription manager::subscribe(change_listener listener) const {
  auto heard = std::make_shared<detail::listener>(std::move(listener));
  parts_->actor.tell(add_listener{heard});
  return subscription{std::move(heard)};
}

subscription::subscription(std::shared_ptr<detail::listener> heard) noexcept
  : heard_(std::move(heard)) {}

subscription& subscription::operator=(subscription&& other) noexcept {
  std::swap(heard_, other.heard_);
  return *this;
}

subscription::~subscription() {
  if (heard_)
    heard_->active.store(false);
}

std::string_view to_string(install_action what) noexcept {
  switch (what) {
    case install_action::install: return "install";
    case install_action::upgrade: return "upgrade";
    case install_action::downgrade: return "downgrade";
  }
  return "unknown";
}

std::weak_ordering compare_versions(version_order order, std::string_view left,
                                    std::string_view right) {
  switch (order) {
    case version_order::debian: return compare_debian(left, right);
    case version_order::python: return compare_in("pip", left, right);
    case version_order::semantic: return compare_in("npm", left, right);
    case version_order::numeric: break;
  }
  return compare_numeric(left, right);
}

} // namespace cortex::config_manager
