#include "cortex/config_manager/actor.hpp"

#include <chrono>
#include <cstddef>
#include <exception>
#include <string>
#include <utility>

namespace cortex::config_manager {
namespace {

/// Runs `work(promise)` on a thread; what it throws is the answer.
template <class Reply, class Work>
void start(const shared_session& in, promise<Reply> reply, Work work) {
  // Kept beside the work, so that the reason for which there is no thread can be told.
  auto owed = std::make_shared<promise<Reply>>(std::move(reply));
  constexpr std::size_t most_threads = 1024;
  if (in->calls->running() >= most_threads) {
    owed->set(unexpected{error{errc::overloaded, "1,024 requests are being worked on", stage::none,
                               std::chrono::milliseconds{100}}});
    return;
  }
  const auto started = in->calls->start([owed, work = std::move(work)]() mutable {
    try {
      work(*owed);
    } catch (const std::exception& bug) {
      owed->set(fail(errc::internal, std::string{"the work threw: "} + bug.what()));
    } catch (...) {
      owed->set(fail(errc::internal, "the work threw"));
    }
  });
  if (!started)
    owed->set(unexpected{started.error()});
}

} // namespace

template <class Reply, class Work>
void actor::on_a_thread(promise<Reply> reply, Work work) {
  start(in_, std::move(reply),
        [in = in_, work = std::move(work)](promise<Reply>& to) mutable { to.set(work(*in)); });
}

// First what the file says, then a thread for the rest.
template <class Reply, class Work>
void actor::with_preferences(promise<Reply> reply, Work work) {
  auto [owed, arrives] = make_promise<yaml>();
  static_cast<void>(
    arrives.then(inline_executor(), [in = in_, reply = std::move(reply),
                                     work = std::move(work)](expected<yaml> preferences) mutable {
      start(in, std::move(reply),
            [in, work = std::move(work), preferences = std::move(preferences)](
              promise<Reply>& to) mutable { work(in, preferences, to); });
    }));
  in_->preferences->load(std::move(owed));
}

void actor::operator()(detect& request, promise<detection> reply) {
  on_a_thread(std::move(reply), [request = std::move(request)](const session& in) {
    return expected<detection>{detect_on(in, request)};
  });
}

void actor::operator()(export_to& request, promise<exported> reply) {
  with_preferences(std::move(reply),
                   [request = std::move(request)](
                     const shared_session& in, const expected<yaml>& preferences,
                     promise<exported>& to) { to.set(export_on(*in, request, preferences)); });
}

void actor::operator()(read_configuration& request, promise<yaml_document> reply) {
  on_a_thread(std::move(reply), [request = std::move(request)](const session& in) {
    return read_document(in, request.path);
  });
}

void actor::operator()(validate& request, promise<validation> reply) {
  on_a_thread(std::move(reply), [request = std::move(request)](const session& in) {
    return expected<validation>{validate_on(in, request.configuration)};
  });
}

void actor::operator()(diff& request, promise<difference> reply) {
  with_preferences(std::move(reply), [request = std::move(request)](
                                       const shared_session& in, const expected<yaml>& preferences,
                                       promise<difference>& to) {
    to.set(compare_on(*in, request.configuration, {}, preferences));
  });
}

void actor::operator()(diff_file& request, promise<difference> reply) {
  with_preferences(std::move(reply), [request = std::move(request)](
                                       const shared_session& in, const expected<yaml>& preferences,
                                       promise<difference>& to) {
    auto document = read_document(*in, request.path);
    if (!document)
      return to.set(unexpected{std::move(document).error()});
    auto found = compare_on(*in, document->root, {}, preferences);
    if (found)
      for (auto& each : document->warnings)
        found->warnings.push_back(std::move(each.text));
    to.set(std::move(found));
  });
}

void actor::operator()(import_from& request, promise<imported> reply) {
  with_preferences(std::move(reply), [request = std::move(request)](
                                       const shared_session& in, const expected<yaml>& preferences,
                                       promise<imported>& to) {
    import_on(in, request, preferences, std::move(to));
  });
}

void actor::operator()(const load_preferences& /*request*/, promise<yaml> reply) {
  in_->preferences->load(std::move(reply));
}

void actor::operator()(save_preferences& request, promise<saved> reply) {
  in_->preferences->write(std::move(request), std::move(reply));
}

void actor::operator()(update_preferences& request, promise<saved> reply) {
  in_->preferences->write(std::move(request), std::move(reply));
}

void actor::operator()(const add_listener& request) {
  auto& heard_by = in_->preferences->heard_by();
  listeners who;
  for (const auto& each : *heard_by.get())
    if (each->active.load())
      who.push_back(each);
  who.push_back(request.who);
  heard_by.publish(std::make_shared<const listeners>(std::move(who)));
}

} // namespace cortex::config_manager
