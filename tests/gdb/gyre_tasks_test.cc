#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

// `gyre tasks` of tools/gyre_gdb.py, on a process and on its core file; and the probes.
namespace {

const std::string& root() {
  static const std::string path =
      std::string(std::getenv("TEST_SRCDIR")) + "/" + std::getenv("TEST_WORKSPACE");
  return path;
}

/// What gdb prints when it is told to do that.
std::string gdb(const std::string& commands) {
  const std::string line = "gdb -nx -batch -iex 'set debuginfod enabled off' " +
                           ("-ex 'source " + root() + "/tools/gyre_gdb.py' ") + commands + " 2>&1";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(line.c_str(), "r"), pclose);
  std::string text;
  char buffer[4096];
  while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, pipe.get()))
    text.append(buffer, got);
  return text;
}

/// The lines of tasks, without the times.
std::string tree_in(const std::string& text) {
  std::string tree;
  std::size_t begin = text.find("loop of thread ");
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t task = line.find("task ");
    if (task == std::string::npos || task != line.find_first_not_of(' ')) continue;
    tree += line.substr(0, line.find(", ")) + "\n";
  }
  return tree;
}

const char* const expected = R"(task runs
task waits for scope
  task waits for with_task_group
    task waits for task_group
    task waits for event
  task waits for request on descriptor 7
  task waits for mutex
  task waits for when_all
    task waits for event
    task waits for shield
      task waits for event
    task waits for with_timeout
      task waits for event
  task waits for travel
    task waits for event
  task waits for when_any
    task waits for event
    task waits for event
task is ready
task waits for with_class
  task in class batch is ready
)";

TEST(gyre_tasks, of_a_process_and_of_its_core_file) {
  const std::string core = testing::TempDir() + "core_of_" + std::to_string(getpid());
  const std::string program = root() + "/tests/gdb/waiting";
  const std::string live =
      gdb("-ex run -ex 'gyre tasks' -ex 'generate-core-file " + core + "' -ex kill " + program);
  EXPECT_EQ(tree_in(live), expected) << live;
  EXPECT_NE(live.find("  task waits for mutex, "), std::string::npos) << live;
  EXPECT_NE(live.find("::wait_for_all_kinds ("), std::string::npos) << live;
  EXPECT_NE(live.find("tests/gdb/waiting.cc:"), std::string::npos) << live;
  // Its clock jumped by an hour before it ended; what the machine's says is another matter.
  const std::string dead = gdb("-ex 'gyre tasks' " + program + " " + core);
  EXPECT_EQ(tree_in(dead), expected) << dead;
  EXPECT_NE(dead.find("\n  task waits for mutex, 3600.0"), std::string::npos) << dead;
  std::filesystem::remove(core);
}

TEST(gyre_tasks, come_by_probes_that_one_can_attach_to) {
  const std::string text =
      gdb("-ex 'break -probe-stap gyre:operation_start' -ex run "
          "-ex 'x/s $_probe_arg1' -ex 'bt 3' -ex kill " +
          root() + "/tests/gdb/waiting");
  EXPECT_NE(text.find("\"request\""), std::string::npos) << text;
  EXPECT_NE(text.find("gyre::tracer::operation_started"), std::string::npos) << text;
}

TEST(gyre_tasks, are_none_where_no_loop_runs) {
  EXPECT_NE(gdb("-ex 'gyre tasks' " + root() + "/tests/gdb/waiting").find("no process and no core"),
            std::string::npos);
  const std::string text =
      gdb("-ex 'break main' -ex run -ex 'gyre tasks' -ex kill " + root() + "/tests/gdb/waiting");
  EXPECT_NE(text.find("no loop of Gyre was found"), std::string::npos) << text;
}

}  // namespace
