// Profiles applied to a process: on a folder that looks like the kernel's, and on the kernel's own
// where this machine lets us.
#include "limits_fixture.hpp"
#include "support/child_process.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>

namespace testing = cortex::testing;
namespace limits = cortex::accelerator_limits;
namespace fs = std::filesystem;
using cortex::errc;
using limits::resource;
using testing::profile_of;

namespace {

void put_file(const fs::path& path, const std::string& content) {
  fs::create_directories(path.parent_path());
  std::ofstream{path} << content;
}

std::string content_of(const fs::path& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// Folders as cgroup v2 and /proc show them, with a process 42. The kernel makes the files of a new
/// group; here those of group `job.42` are there from the start.
struct fake_system {
  fake_system() {
    put_file(cgroup / "cgroup.controllers", "cpuset cpu io memory pids\n");
    put_file(cgroup / "cgroup.subtree_control", "io memory\n");
    put_file(cgroup / "cortex" / "cgroup.subtree_control", "");
    for (const auto* name : {"cpu.max", "memory.max", "memory.high", "cgroup.procs"})
      put_file(group / name, "something that is longer than any value\n");
    put_file(process / "oom_score_adj", "0\n");
  }

  [[nodiscard]] limits::target target() const {
    limits::target to;
    to.process_id = 42;
    to.cgroup_root = cgroup.string();
    to.proc_root = proc.string();
    to.mps_root = (folder / "mps").string();
    return to;
  }

  testing::temp_dir folder;
  fs::path cgroup = folder / "cgroup";
  fs::path group = cgroup / "cortex" / "job.42";
  fs::path proc = folder / "proc";
  fs::path process = proc / "42";
};

limits::profile job() {
  auto what = profile_of("job");
  what.cpu_quota = 33.3;
  what.memory_max = 2'000'000'000;
  what.memory_high = 1'500'000'000;
  what.oom_score_adj = -500;
  return what;
}

const limits::step& step_of(const limits::applied& done, resource what) {
  const auto found = std::ranges::find(done.steps, what, &limits::step::what);
  INFO("step " << limits::to_string(what));
  REQUIRE(found != done.steps.end());
  return *found;
}

std::optional<errc> problem_of(const limits::applied& done, resource what) {
  const auto& found = step_of(done, what);
  return found.problem ? std::optional{found.problem->code} : std::nullopt;
}

/// Every file below a folder with what is in it.
std::map<std::string, std::string> everything_below(const fs::path& folder) {
  std::map<std::string, std::string> all;
  for (const auto& each : fs::recursive_directory_iterator{folder})
    all[each.path().string()] = each.is_regular_file() ? content_of(each.path()) : "";
  return all;
}

} // namespace

TEST_CASE("AL-2: the limits of a profile are written where the kernel reads them",
          "[accelerator_limits]") {
  const fake_system fake;

  const auto done = limits::apply(job(), fake.target());

  REQUIRE(done);
  CHECK(done->complete());
  CHECK(content_of(fake.group / "cpu.max") == "33300 100000");
  CHECK(content_of(fake.group / "memory.max") == "2000000000");
  CHECK(content_of(fake.group / "memory.high") == "1500000000");
  CHECK(content_of(fake.group / "cgroup.procs") == "42");
  CHECK(content_of(fake.process / "oom_score_adj") == "-500");
  CHECK(content_of(fake.cgroup / "cgroup.subtree_control") == "+cpu"); // memory was there
  CHECK(content_of(fake.cgroup / "cortex" / "cgroup.subtree_control") == "+memory");
  CHECK(done->variables.hides_all_gpus);
  // First the limits, then the process enters.
  CHECK(&step_of(*done, resource::group) > &step_of(*done, resource::memory_high));
}

TEST_CASE("a profile without memory_high leaves memory.high as it is", "[accelerator_limits]") {
  const fake_system fake;
  const auto before = content_of(fake.group / "memory.high");
  auto what = job();
  what.memory_high.reset();

  REQUIRE(limits::apply(what, fake.target()));

  CHECK(content_of(fake.group / "memory.high") == before);
}

TEST_CASE("a plan tells what would be written and changes nothing", "[accelerator_limits]") {
  const fake_system fake;
  const auto before = everything_below(fake.folder.path());

  const auto planned = limits::plan(job(), fake.target());

  REQUIRE(planned);
  CHECK(everything_below(fake.folder.path()) == before);
  const auto done = limits::apply(job(), fake.target());
  REQUIRE(done);
  REQUIRE(planned->steps.size() == done->steps.size());
  for (std::size_t i = 0; i < done->steps.size(); ++i) {
    CHECK(planned->steps[i].file == done->steps[i].file);
    CHECK(planned->steps[i].value == done->steps[i].value);
  }
  CHECK(step_of(*planned, resource::cpu).file == (fake.group / "cpu.max").string());
  CHECK(step_of(*planned, resource::cpu).value == "33300 100000");
}

TEST_CASE("without cgroup v2 its limits are unsupported, and the rest is applied",
          "[accelerator_limits][errors]") {
  const fake_system fake;
  fs::remove_all(fake.cgroup);
  fs::create_directories(fake.cgroup / "memory"); // as cgroup v1
  const auto before = everything_below(fake.cgroup);

  const auto done = limits::apply(job(), fake.target());

  REQUIRE(done);
  CHECK_FALSE(done->complete());
  for (const auto what :
       {resource::folder, resource::cpu, resource::memory, resource::memory_high, resource::group})
    CHECK(problem_of(*done, what) == errc::unsupported);
  CHECK(step_of(*done, resource::cpu).problem->detail.find("cgroup v2") != std::string::npos);
  CHECK_FALSE(problem_of(*done, resource::oom_score));
  CHECK(content_of(fake.process / "oom_score_adj") == "-500");
  CHECK(everything_below(fake.cgroup) == before);
}

TEST_CASE("a controller that is not there is reported, the other one is used",
          "[accelerator_limits][errors]") {
  const fake_system fake;
  put_file(fake.cgroup / "cgroup.controllers", "cpu pids\n");

  const auto done = limits::apply(job(), fake.target());

  REQUIRE(done);
  CHECK(problem_of(*done, resource::memory) == errc::unsupported);
  CHECK(problem_of(*done, resource::memory_high) == errc::unsupported);
  CHECK_FALSE(problem_of(*done, resource::cpu));
  CHECK_FALSE(problem_of(*done, resource::group));
}

TEST_CASE("a controller that cannot be enabled is why there is no limit",
          "[accelerator_limits][errors]") {
  const fake_system fake;
  fs::remove(fake.group / "cpu.max");
  fs::remove(fake.cgroup / "cgroup.subtree_control");
  fs::create_directory(fake.cgroup / "cgroup.subtree_control");

  const auto done = limits::apply(job(), fake.target());

  REQUIRE(done);
  CHECK(problem_of(*done, resource::controller) == errc::io); // it is a folder
  CHECK(problem_of(*done, resource::cpu) == errc::io);
  CHECK_FALSE(problem_of(*done, resource::memory));
}

TEST_CASE("limits of a group that the process cannot enter are not told as applied",
          "[accelerator_limits][errors]") {
  const fake_system fake;
  auto to = fake.target();
  to.group = "new"; // a folder without the kernel's files

  const auto done = limits::apply(job(), to);

  REQUIRE(done);
  CHECK(problem_of(*done, resource::group) == errc::not_found);
  CHECK(problem_of(*done, resource::cpu) == errc::unsupported);
  CHECK_FALSE(problem_of(*done, resource::oom_score));
  CHECK_FALSE(fs::exists(fake.cgroup / "cortex" / "new")); // nothing is left behind

  fs::remove(fake.group / "cgroup.procs");
  const auto again = limits::apply(job(), fake.target());
  REQUIRE(again);
  CHECK(problem_of(*again, resource::memory) == errc::not_found);
  CHECK(fs::exists(fake.group)); // not ours to remove
}

TEST_CASE("no link is followed and no file is made", "[accelerator_limits][errors]") {
  const fake_system fake;
  const auto elsewhere = fake.folder / "elsewhere";
  put_file(elsewhere, "safe");
  fs::remove(fake.group / "cpu.max");
  fs::create_symlink(elsewhere, fake.group / "cpu.max");
  fs::remove(fake.group / "memory.max");

  const auto done = limits::apply(job(), fake.target());

  REQUIRE(done);
  CHECK(problem_of(*done, resource::cpu));
  CHECK(content_of(elsewhere) == "safe");
  CHECK(problem_of(*done, resource::memory) == errc::unsupported);
  CHECK_FALSE(fs::exists(fake.group / "memory.max"));
}

TEST_CASE("a file where a folder must be blocks the group", "[accelerator_limits][errors]") {
  const fake_system fake;
  fs::remove_all(fake.cgroup / "cortex");
  put_file(fake.cgroup / "cortex", "");

  const auto done = limits::apply(job(), fake.target());

  REQUIRE(done);
  CHECK(problem_of(*done, resource::folder) == errc::already_exists);
  CHECK(problem_of(*done, resource::cpu) == errc::already_exists);
  CHECK(problem_of(*done, resource::group) == errc::already_exists);
}

TEST_CASE("names of groups stay in their folder", "[accelerator_limits][errors]") {
  const fake_system fake;
  auto what = job();
  what.name = "../../x y/\u00e9";
  const auto planned = limits::plan(what, fake.target());
  REQUIRE(planned);
  CHECK(step_of(*planned, resource::group).file
        == (fake.cgroup / "cortex" / "_._.._x_y___.42" / "cgroup.procs").string());
  what.name = std::string(1000, 'x');
  CHECK(limits::plan(what, fake.target()));

  for (const auto* bad : {"..", ".hidden", "a/b", "a b", "x\n"}) {
    auto to = fake.target();
    to.group = bad;
    CHECK(limits::apply(job(), to).error() == errc::invalid_argument);
    to = fake.target();
    to.parent = bad;
    CHECK(limits::apply(job(), to).error() == errc::invalid_argument);
  }
}

TEST_CASE("what cannot be applied at all changes nothing", "[accelerator_limits][errors]") {
  const fake_system fake;
  const auto before = everything_below(fake.folder.path());
  auto to = fake.target();
  to.process_id = 43;
  CHECK(limits::apply(job(), to).error() == errc::not_found);
  to.process_id = 0;
  CHECK(limits::apply(job(), to).error() == errc::invalid_argument);
  to.process_id = -1; // would be every process
  CHECK(limits::apply(job(), to).error() == errc::invalid_argument);
  auto wrong = job();
  wrong.oom_score_adj = 5000;
  CHECK(limits::apply(wrong, fake.target()).error() == errc::invalid_argument);
  CHECK(everything_below(fake.folder.path()) == before);
}

TEST_CASE("GPUs are looked for when a profile is applied", "[accelerator_limits][errors]") {
  const fake_system fake;
  auto what = job();
  what.gpu_ids = {1, 5, 7};
  what.gpu_share = 50;

  auto done = limits::apply(what, fake.target());
  REQUIRE(done);
  CHECK(problem_of(*done, resource::gpus) == errc::unsupported); // no driver
  CHECK(problem_of(*done, resource::gpu_share) == errc::unsupported);

  for (const auto* gpu : {"0000:01:00.0", "0000:02:00.0"})
    fs::create_directories(fake.proc / "driver" / "nvidia" / "gpus" / gpu);
  put_file(fake.folder / "mps" / "control", "");
  done = limits::apply(what, fake.target());
  REQUIRE(done);
  CHECK(problem_of(*done, resource::gpus) == errc::not_found);
  CHECK(step_of(*done, resource::gpus).problem->detail == "no GPU 5,7: there are 2");
  CHECK_FALSE(problem_of(*done, resource::gpu_share));
  CHECK(done->variables.variables
        == std::vector<limits::variable>{{"CUDA_VISIBLE_DEVICES", "1,5,7"},
                                         {"CUDA_MPS_ACTIVE_THREAD_PERCENTAGE", "50"}});

  what.gpu_ids = {1, 0};
  CHECK(limits::apply(what, fake.target()).value().complete());
}

TEST_CASE("a saved profile is applied by its name", "[accelerator_limits]") {
  const fake_system fake;
  testing::limits_fixture t;
  const auto opened = t.open();
  REQUIRE(opened.call(limits::create{job()}));

  CHECK(opened.apply("job", fake.target()).value().complete());
  CHECK(opened.plan("job", fake.target()).value().complete());
  CHECK(opened.apply("none", fake.target()).error() == errc::not_found);
  CHECK(opened.plan("none", fake.target()).error() == errc::not_found);
}

namespace {

struct try_to_apply {
  using reply = errc;
  limits::target to;
};

struct impatient {
  using protocol = cortex::protocol<try_to_apply>;
  errc operator()(const try_to_apply& request) {
    const auto done = limits::apply(job(), request.to);
    return done ? errc::internal : done.error().code;
  }
};

} // namespace

TEST_CASE("no profile is applied on a worker's thread", "[accelerator_limits][errors]") {
  const fake_system fake;
  auto rt = cortex::runtime::open().value();
  const auto actor = rt.spawn<impatient>("impatient", [] { return impatient{}; }).value();
  CHECK(actor.call(try_to_apply{fake.target()}).value() == errc::would_deadlock);
  CHECK(content_of(fake.process / "oom_score_adj") == "0\n");
}

TEST_CASE("a profile is applied by the kernel of this machine", "[accelerator_limits]") {
  std::ifstream mounts{"/proc/self/mounts"};
  std::string root;
  for (std::string line; std::getline(mounts, line) && root.empty();) {
    std::istringstream words{line};
    std::string device;
    std::string path;
    std::string type;
    words >> device >> path >> type;
    if (type == "cgroup2")
      root = path;
  }
  if (root.empty() || access((root + "/cgroup.procs").c_str(), W_OK) != 0)
    CORTEX_SKIP("no cgroup v2 that this process may change");
  testing::child_process child{{"sleep", "60"}};
  limits::target to;
  to.process_id = child.pid();
  to.cgroup_root = root;
  to.parent = "cortex_test_" + std::to_string(getpid());
  auto what = profile_of("job");
  what.oom_score_adj = 500;

  const auto done = limits::apply(what, to);
  const auto process = fs::path{"/proc"} / std::to_string(child.pid());
  const auto score = content_of(process / "oom_score_adj");
  const auto groups = content_of(process / "cgroup");
  child.kill();
  REQUIRE(child.wait());
  const auto group = fs::path{root} / to.parent / ("job." + std::to_string(to.process_id));
  const auto cpu = content_of(group / "cpu.max");
  const auto memory = content_of(group / "memory.max");
  rmdir(group.c_str());
  rmdir(group.parent_path().c_str());

  REQUIRE(done);
  CHECK_FALSE(problem_of(*done, resource::oom_score));
  CHECK(score == "500\n");
  if (problem_of(*done, resource::group))
    CORTEX_SKIP("the kernel lets no process into a new group: "
                + to_string(*step_of(*done, resource::group).problem));
  CHECK(groups.find("/" + to.parent + "/job.") != std::string::npos);
  // Without a controller the step says so; with it the kernel has the value.
  if (!problem_of(*done, resource::cpu))
    CHECK(cpu == "400000 100000\n");
  if (!problem_of(*done, resource::memory))
    CHECK(memory == "34359738368\n");
}
