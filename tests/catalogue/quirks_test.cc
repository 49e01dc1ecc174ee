#include "gyre/io/quirks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gyre/tests/conformance/resources.h"

namespace gyre {
namespace {

using conformance::resources;

TEST(quirks, are_what_the_documentation_says) {
  std::ifstream file("docs/quirks.md");
  ASSERT_TRUE(file) << "docs/quirks.md can't be read";
  const std::string written{std::istreambuf_iterator<char>(file), {}};
  EXPECT_TRUE(written == quirks_text())
      << "docs/quirks.md is not what the code says: ./dev docs writes it anew";
}

TEST(quirks, have_names_of_their_own) {
  std::set<std::string_view> names;
  for (const quirk& each : quirks()) EXPECT_TRUE(names.insert(each.name).second) << each.name;
}

TEST(quirks, what_cannot_be_probed_is_unknown) {
  for (const quirk& each : quirks()) {
    if (each.can_be_probed()) continue;
    EXPECT_EQ(each.probe(), quirk_answer::unknown) << each.name;
  }
}

TEST(quirks, each_probe_gives_an_answer_and_leaves_nothing) {
  std::thread([] {}).join();  // ThreadSanitizer starts one of its own with the first
  for (const quirk& each : quirks()) {
    if (!each.can_be_probed()) continue;
    const resources before = resources::in_use();
    const quirk_answer answer = each.probe();
    EXPECT_NE(answer, quirk_answer::unknown) << each.name;
    EXPECT_EQ(resources::settled(before), before) << each.name;
  }
}

TEST(quirks, a_probe_leaves_the_signals_of_its_caller_alone) {
  sigset_t before;
  sigset_t after;
  sigset_t pending;
  ASSERT_EQ(pthread_sigmask(SIG_SETMASK, nullptr, &before), 0);
  (void)quirks_here();
  ASSERT_EQ(pthread_sigmask(SIG_SETMASK, nullptr, &after), 0);
  sigpending(&pending);
  for (const int number : {SIGPIPE, SIGTERM, SIGINT}) {
    EXPECT_EQ(sigismember(&before, number), sigismember(&after, number));
    EXPECT_EQ(sigismember(&pending, number), 0);
  }
}

TEST(quirks, of_every_kernel_since_the_first_are_found) {
  const std::vector<std::string_view> here = quirks_here();
  for (const std::string_view name :
       {"close_leaves_operations_running", "epoll_follows_duplicates", "epoll_refuses_files"})
    EXPECT_TRUE(std::ranges::find(here, name) != here.end()) << name;
}

}  // namespace
}  // namespace gyre
