// What is shown when an actor takes the place of one that crashed.
#include "cortex/progress_indicators/actor.hpp"

#include "progress_fixture.hpp"

#include <memory>

namespace testing = cortex::testing;
namespace progress = cortex::progress_indicators;
using progress::display_kind;
using progress::rendering;
using progress::status;

namespace {

/// The parts that an actor and its handles share, without a supervisor between them.
struct crash_fixture : testing::progress_fixture {
  explicit crash_fixture(rendering how) : progress_fixture{how} {
    progress::look looks;
    looks.rendering = how;
    stage = std::make_shared<progress::detail::stage>(*rt, wanted, looks);
  }
  progress::detail::slot_ref begin(progress::actor& at, display_kind kind, std::string title,
                                   std::uint64_t parent = 0) {
    progress::context made;
    made.id = ++last_id;
    made.kind = kind;
    made.title = std::move(title);
    made.parent = parent;
    made.status = status::running;
    made.start_time = clock.at;
    auto what = std::make_shared<progress::detail::slot>(made, 1.0, 4);
    progress::turn request{what, {}};
    request.made.number = 1;
    request.made.to = status::running;
    request.made.at = clock.at;
    at(request);
    return what;
  }
  void end(progress::actor& at, const progress::detail::slot_ref& what) {
    auto made = what->change([](status) { return true; }, status::completed);
    made->at = clock.at;
    made->text = "Done";
    progress::turn request{what, *std::move(made)};
    at(request);
  }

  std::shared_ptr<progress::detail::stage> stage;
  std::uint64_t last_id = 0;
};

} // namespace

TEST_CASE("an actor made anew goes on with what the one before it has shown",
          "[progress_indicators]") {
  crash_fixture t{rendering::terminal};
  auto first = std::make_unique<progress::actor>(t.stage);
  const auto ended = t.begin(*first, display_kind::bar, "ended");
  t.end(*first, ended);
  const auto outer = t.begin(*first, display_kind::operation, "outer");
  const auto inner = t.begin(*first, display_kind::bar, "inner", outer->id);
  const auto cut_off = t.begin(*first, display_kind::bar, "cut off");
  cut_off->where = progress::detail::slot::presence::ended; // the crash came while it was ended
  first.reset();
  CHECK(t.screen.cursor_visible());

  inner->position = 2; // nobody is told of that
  t.clock.at += std::chrono::seconds{1};
  t.written.clear();
  progress::actor next{t.stage};
  next.on_start({});

  const auto shown = next(progress::list{});
  REQUIRE(shown.size() == 2);
  CHECK(shown[0].title == "outer");
  CHECK(shown[1].title == "inner");
  CHECK(shown[1].parent == outer->id);
  CHECK(t.written.find("2/4") != t.written.npos);
  CHECK(t.written.find("ended") == t.written.npos);
  CHECK_FALSE(t.screen.cursor_visible());
  CHECK(t.stage->live == 2);

  t.end(next, inner);
  t.end(next, outer);
  CHECK(next(progress::list{}).empty());
  CHECK(t.screen.cursor_visible());
}

TEST_CASE("an actor that ends in order leaves nothing for another", "[progress_indicators]") {
  crash_fixture t{rendering::lines};
  auto first = std::make_unique<progress::actor>(t.stage);
  t.begin(*first, display_kind::operation, "a");
  first->on_stop();
  first.reset();

  progress::actor next{t.stage};
  next.on_start({});
  CHECK(next(progress::list{}).empty());
}
