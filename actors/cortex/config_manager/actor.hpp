/// The actor behind a configuration: hands work on, to the queue of the preferences or to a thread.
#pragma once

#include "cortex/config_manager.hpp"
#include "cortex/config_manager/session.hpp"

#include <memory>

namespace cortex::config_manager {

/// From its manager: who is called after changes.
struct add_listener {
  using reply = void;
  std::shared_ptr<detail::listener> who;
};

using own_protocol
  = cortex::protocol<detect, export_to, read_configuration, validate, diff, diff_file, import_from,
                     load_preferences, save_preferences, update_preferences, add_listener>;

/// *Owned by one actor*.
class actor {
public:
  using protocol = own_protocol;

  explicit actor(shared_session in) : in_(std::move(in)) {}

  void operator()(detect& request, promise<detection> reply);
  void operator()(export_to& request, promise<exported> reply);
  void operator()(read_configuration& request, promise<yaml_document> reply);
  void operator()(validate& request, promise<validation> reply);
  void operator()(diff& request, promise<difference> reply);
  void operator()(diff_file& request, promise<difference> reply);
  void operator()(import_from& request, promise<imported> reply);
  void operator()(const load_preferences& request, promise<yaml> reply);
  void operator()(save_preferences& request, promise<saved> reply);
  void operator()(update_preferences& request, promise<saved> reply);
  void operator()(const add_listener& request);

private:
  template <class Reply, class Work>
  void on_a_thread(promise<Reply> reply, Work work);
  template <class Reply, class Work>
  void with_preferences(promise<Reply> reply, Work work);

  shared_session in_;
};

} // namespace cortex::config_manager
