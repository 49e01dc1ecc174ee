#include "gyre/io/offload_pool.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <semaphore>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include "gyre/io/descriptor.h"
#include "gyre/io/epoll_backend.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/splice_ops.h"
#include "gyre/io/thread_backend.h"
#include "gyre/io/write_ops.h"
#include "gyre/runtime/run_on.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"

// What blocks, through each of the backends that have such a pool.
namespace gyre {
namespace {

using namespace std::chrono_literals;

constexpr unsigned threads_max = 4;
constexpr unsigned half = threads_max / 2;

/// Operations that block until they are let go, and what has become of them.
class blocked {
 public:
  class wait final : public operation {
   public:
    static constexpr operation_kind kind{"wait", "none", awaited_thing::device, ring_policy::submit,
                                         0,      "5.1"};
    static constexpr operation_kind network_kind{"wait", "none", awaited_thing::network,
                                                 ring_policy::offload};

    wait(blocked& owner, descriptor_users* users) noexcept
        : operation(owner.on_network_ ? network_kind : kind, users), owner_(owner) {}
    result<std::size_t> await_resume() noexcept { return outcome_size(); }

    void prepare(io_uring_sqe&) noexcept override {}
    int perform() noexcept override {
      ++owner_.running_;
      owner_.gate_.acquire();
      return 1;
    }
    readiness ready_when() const noexcept override { return readiness::none(); }

   private:
    blocked& owner_;
  };

  explicit blocked(bool on_network = false) : on_network_(on_network) {}

  void spawn_into(scope& children, unsigned count, descriptor_users* users = nullptr) {
    for (unsigned i = 0; i < count; ++i) {
      children.spawn([this, users]() -> task<> {
        const auto ended = co_await wait(*this, users);
        ++(ended ? delivered : cancelled);
      });
    }
  }

  /// Waits until each thread has one.
  task<> fill(scope& children) {
    spawn_into(children, threads_max);
    co_await all_run();
  }
  task<> all_run(unsigned count = threads_max) {
    while (running_ < count) (co_await sleep_for(100us)).value();
  }
  unsigned running() const { return running_; }
  void let_go(unsigned count = threads_max) { gate_.release(count); }

  unsigned delivered = 0;
  unsigned cancelled = 0;

 private:
  const bool on_network_;
  std::atomic<unsigned> running_ = 0;
  std::counting_semaphore<> gate_{0};
};

class pool_of : public testing::TestWithParam<std::string> {
 protected:
  void run(task<> test, unsigned threads = threads_max) {
    loop home(make(threads));
    run_on(home, std::move(test));
    EXPECT_EQ(home.kernel().counters().submitted, home.kernel().counters().completed);
  }

 private:
  static std::unique_ptr<backend> make(unsigned threads) {
    if (GetParam() == "epoll") {
      epoll_options options;
      options.threads_max = threads;
      return epoll_backend::create(options).value();
    }
    thread_options options;
    options.threads_max = threads;
    return thread_backend::create(options).value();
  }
};

INSTANTIATE_TEST_SUITE_P(backend, pool_of, testing::Values("epoll", "threads"),
                         [](const auto& tested) { return tested.param; });

TEST_P(pool_of, performs_more_than_it_has_threads) {
  run([]() -> task<> {
    descriptor zeros(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
    std::array<std::byte, 1000> bytes;
    bytes.fill(std::byte{1});
    co_await with_scope([&](scope& children) -> task<> {
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        children.spawn([&, i]() -> task<> {
          const auto one = std::span(bytes).subspan(i, 1);
          EXPECT_EQ((co_await op::read_at(zeros, one, i)).value(), 1U);
        });
      }
      co_return;
    });
    for (const std::byte each : bytes) EXPECT_EQ(each, std::byte{0});
  }());
}

TEST_P(pool_of, that_has_no_threads_is_done_without) {
  run(
      []() -> task<> {
        descriptor here(AT_FDCWD);
        descriptor zeros =
            (co_await op::openat2(here, "/dev/zero", O_RDONLY | O_CLOEXEC, 0, 0)).value();
        pipe full = pipe::create(4096).value();
        std::vector<std::byte> content(full.capacity());
        EXPECT_EQ((co_await op::write(full.write_end, content)).value(), content.size());
        co_await with_scope([&](scope& children) -> task<> {
          children.spawn([&]() -> task<> {
            EXPECT_EQ((co_await op::splice_from_file(zeros, 0, full.write_end, 100)).value(), 100U);
          });
          co_await yield();
          EXPECT_EQ((co_await op::read(full.read_end, content)).value(), content.size());
        });
        EXPECT_EQ((co_await op::read(full.read_end, content)).value(), 100U);
      }(),
      0);
}

TEST_P(pool_of, gives_back_at_once_what_it_has_not_begun) {
  run([]() -> task<> {
    blocked first;
    blocked behind;
    co_await with_scope([&](scope& children) -> task<> {
      co_await first.fill(children);
      co_await with_scope([&](scope& queued) -> task<> {
        behind.spawn_into(queued, 1000);
        co_await yield();
        queued.request_stop();
      });
      EXPECT_EQ(behind.cancelled, 1000U);
      EXPECT_EQ(first.delivered, 0U);
      first.let_go();
    });
    EXPECT_EQ(first.delivered, threads_max);
  }());
}

TEST_P(pool_of, delivers_what_was_running_when_it_was_stopped) {
  run([]() -> task<> {
    blocked running;
    co_await with_scope([&](scope& children) -> task<> {
      co_await running.fill(children);
      children.request_stop();
      co_await yield();
      EXPECT_EQ(running.delivered + running.cancelled, 0U) << "the kernel may still be at it";
      running.let_go();
    });
    EXPECT_EQ(running.delivered, threads_max);
  }());
}

TEST_P(pool_of, a_close_ends_what_is_queued_and_awaits_what_runs) {
  run([]() -> task<> {
    descriptor file(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
    blocked uses;
    bool closed = false;
    co_await with_scope([&](scope& children) -> task<> {
      uses.spawn_into(children, 3 * threads_max, &file.users());
      co_await uses.all_run();
      children.spawn([&]() -> task<> {
        (co_await file.close()).value();
        closed = true;
      });
      while (uses.cancelled < 2 * threads_max) co_await yield();
      EXPECT_FALSE(closed);
      uses.let_go();
    });
    EXPECT_TRUE(closed);
    EXPECT_EQ(uses.delivered, threads_max);
  }());
}

TEST_P(pool_of, keeps_threads_for_others_than_the_network) {
  run([]() -> task<> {
    blocked names(true);
    blocked files;
    co_await with_scope([&](scope& children) -> task<> {
      names.spawn_into(children, 10);
      co_await names.all_run(half);
      files.spawn_into(children, 10);
      co_await files.all_run(half);
      EXPECT_EQ(names.running(), half);
      files.let_go(10);
      co_await files.all_run(10);
      EXPECT_EQ(names.running(), half);
      names.let_go(10);
    });
    EXPECT_EQ(files.delivered, 10U);
    EXPECT_EQ(names.delivered, 10U);
  }());
}

TEST_P(pool_of, gives_back_what_waits_for_its_turn_on_the_network) {
  run([]() -> task<> {
    blocked names(true);
    co_await with_scope([&](scope& children) -> task<> {
      names.spawn_into(children, threads_max);
      co_await names.all_run(half);
      children.request_stop();
      co_await yield();
      EXPECT_EQ(names.cancelled, half);
      names.let_go();
    });
    EXPECT_EQ(names.delivered, half);
  }());
}

/// How many threads of pools this process has.
int count_threads() {
  int count = 0;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(thread.path() / "comm"), name);
    count += name == "gyre-offload" ? 1 : 0;
  }
  return count;
}

TEST(pool_of_epoll, is_not_troubled_with_what_lies_in_caches) {
  loop home(epoll_backend::create(epoll_options()).value());
  run_on(home, []() -> task<> {
    descriptor here(AT_FDCWD);
    std::array<std::byte, 100> bytes;
    bytes.fill(std::byte{1});
    ::close(::open("/dev/zero", O_RDONLY | O_CLOEXEC));  // now the way there is known
    auto zeros = co_await op::openat2(here, "/dev/zero", O_RDONLY | O_NONBLOCK, 0, 0);
    EXPECT_EQ((co_await op::read_at(*zeros, bytes, 0)).value(), bytes.size());
    EXPECT_EQ(bytes.back(), std::byte{0});
    EXPECT_EQ(count_threads(), 0);
  }());
}

/// Whether the thread whose folder in /proc this is gets neither SIGINT nor SIGTERM.
bool blocks_signals(const std::filesystem::path& thread) {
  constexpr unsigned long both = 1UL << (SIGINT - 1) | 1UL << (SIGTERM - 1);
  std::ifstream status(thread / "status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("SigBlk:"))
      return (std::stoul(line.substr(7), nullptr, 16) & both) == both;
  return false;
}

TEST_P(pool_of, its_threads_get_no_signals) {
  run([]() -> task<> {
    blocked running;
    co_await with_scope([&](scope& children) -> task<> {
      co_await running.fill(children);
      unsigned blocking = 0;
      for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task"))
        blocking += blocks_signals(thread.path()) ? 1 : 0;
      EXPECT_GE(blocking, threads_max);
      running.let_go();
    });
  }());
}

}  // namespace
}  // namespace gyre
