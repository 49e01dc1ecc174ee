#include "gyre/io/ring.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <set>
#include <string>

#include "gyre/io/choose_backend.h"
#include "gyre/runtime/loop.h"

namespace gyre {
namespace {

/// Takes the privilege away that spares root the limit of locked memory, and sets that limit.
void limit_locked_memory(rlim_t bytes) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2];
  const auto bit = 1U << CAP_IPC_LOCK;
  bool done = syscall(SYS_capget, &header, data) == 0;
  for (auto* set : {&data[0].effective, &data[0].permitted, &data[0].inheritable}) *set &= ~bit;
  done = done && syscall(SYS_capset, &header, data) == 0;
  const rlimit wanted = {bytes, bytes};
  done = done && setrlimit(RLIMIT_MEMLOCK, &wanted) == 0;
  if (!done) std::abort();
}

ring_size size_of(unsigned submissions, unsigned completions) {
  ring_size size;
  size.submissions = submissions;
  size.completions = completions;
  return size;
}

TEST(ring, has_the_size_that_was_asked_for) {
  for (const unsigned entries : {1U, 2U, 4U, 64U, 512U}) {
    auto made = ring::create(size_of(entries, entries * 2)).value();
    EXPECT_EQ(made->submissions(), entries);
    EXPECT_EQ(made->completions(), entries * 2);
    EXPECT_EQ(made->submissions_free(), entries);
    EXPECT_FALSE(made->has_completions());
  }
}

TEST(ring, takes_every_submission_once_and_gives_every_completion_once) {
  auto made = ring::create(size_of(8, 16)).value();
  std::set<std::uint64_t> seen;
  for (std::uint64_t number = 0; number < 1000;) {
    while (io_uring_sqe* entry = made->next_submission()) {
      io_uring_prep_nop(entry);
      entry->user_data = ++number;
    }
    EXPECT_EQ(made->submissions_free(), 0U);
    EXPECT_EQ(made->enter(1, never), 8);
    EXPECT_EQ(made->submissions_free(), 8U);
    made->reap(100, [&](const io_uring_cqe& cqe) {
      EXPECT_EQ(cqe.res, 0);
      EXPECT_TRUE(seen.insert(cqe.user_data).second);
    });
  }
  EXPECT_EQ(seen.size(), 1000U);
}

TEST(ring, loses_no_completion_that_has_no_room) {
  auto made = ring::create(size_of(2, 2)).value();
  std::set<std::uint64_t> seen;
  for (std::uint64_t number = 0; number < 100;) {
    while (io_uring_sqe* entry = made->next_submission()) {
      io_uring_prep_nop(entry);
      entry->user_data = ++number;
    }
    (void)made->enter(0, never);
  }
  EXPECT_TRUE(made->overflowed());
  while (made->has_completions() || made->has_deferred()) {
    (void)made->enter(0, never);
    made->reap(1, [&](const io_uring_cqe& cqe) { EXPECT_TRUE(seen.insert(cqe.user_data).second); });
  }
  EXPECT_EQ(seen.size(), 100U);
}

TEST(ring, waits_no_longer_than_until_the_deadline_and_not_less) {
  using namespace std::chrono_literals;
  auto made = ring::create(size_of(2, 2)).value();
  const steady_time start = std::chrono::steady_clock::now();
  EXPECT_EQ(made->enter(1, start + 2ms), -ETIME);
  EXPECT_GE(std::chrono::steady_clock::now(), start + 2ms);
  EXPECT_EQ(made->enter(1, start - 1h), -ETIME);
  EXPECT_EQ(made->enter(1, steady_time()), -ETIME);
}

TEST(ring_death, is_not_to_be_had_without_locked_memory) {
  EXPECT_EXIT(
      {
        limit_locked_memory(0);
        const auto made = ring::create(ring_size());
        std::_Exit(made.error() == std::errc::not_enough_memory ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(ring_death, without_locked_memory_the_error_names_the_limit_and_the_remedy) {
  EXPECT_EXIT(
      {
        limit_locked_memory(0);
        try {
          (void)make_backend(backend_choice::uring, uring_options(), {});
        } catch (const backend_error& error) {
          std::fprintf(stderr, "%s\n", error.what());
          std::_Exit(error.code() == std::errc::not_enough_memory ? 0 : 2);
        }
        std::_Exit(1);
      },
      testing::ExitedWithCode(0), "io_uring can't be used: .*errno 12.*RLIMIT_MEMLOCK.*ulimit -l");
}

TEST(ring_death, is_smaller_where_locked_memory_is_short) {
  EXPECT_EXIT(
      {
        limit_locked_memory(64 << 10);
        const auto made = ring::create(ring_size());
        // Others of the same user may have taken it all; then there is no ring.
        if (!made) std::_Exit(made.error() == std::errc::not_enough_memory ? 0 : 1);
        const ring& smaller = **made;
        std::_Exit(smaller.completions() < ring_size().completions ? 0 : 2);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace gyre
