#include "gyre/runtime/frame_pool.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/heap/counted_heap.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

/// Whether blocks are kept for the next who asks: not under AddressSanitizer.
bool pool_keeps_blocks() {
  const auto before = frame_pool::heap_allocations();
  frame_pool::deallocate(frame_pool::allocate(1000), 1000);
  frame_pool::deallocate(frame_pool::allocate(1000), 1000);
  return frame_pool::heap_allocations() - before < 2;
}

TEST(frame_pool, gives_blocks_of_every_size_that_are_apart_and_aligned) {
  const auto before = frame_pool::live();
  std::vector<std::pair<void*, std::size_t>> blocks;
  for (std::size_t size = 1; size < 10'000; size += size < 300 ? 1 : 97) {
    void* block = frame_pool::allocate(size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignof(std::max_align_t), 0U);
    std::memset(block, static_cast<int>(size % 251), size);
    blocks.emplace_back(block, size);
  }
  EXPECT_EQ(frame_pool::live() - before, static_cast<std::int64_t>(blocks.size()));
  for (const auto& [block, size] : blocks) {
    const auto* bytes = static_cast<const unsigned char*>(block);
    for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(bytes[i], size % 251);
    frame_pool::deallocate(block, size);
  }
  EXPECT_EQ(frame_pool::live(), before);
}

TEST(frame_pool, asks_the_heap_for_nothing_in_a_steady_state) {
  if (!pool_keeps_blocks()) return;
  const auto round = [] {
    std::vector<std::pair<void*, std::size_t>> blocks;
    for (std::size_t size = 1; size <= 4096; size += 50)
      for (int i = 0; i < 5; ++i) blocks.emplace_back(frame_pool::allocate(size), size);
    for (const auto& [block, size] : blocks) frame_pool::deallocate(block, size);
  };
  round();
  const auto before = frame_pool::heap_allocations();
  for (int i = 0; i < 10; ++i) round();
  EXPECT_EQ(frame_pool::heap_allocations(), before);
}

TEST(frame_pool, feeds_tasks_and_scopes_that_come_and_go) {
  if (!pool_keeps_blocks()) return;
  fake_world world;
  const auto round = []() -> task<> {
    co_await with_scope([](scope& children) -> task<> {
      for (int i = 0; i < 100; ++i) children.spawn([]() -> task<> { co_await yield(); });
      co_return;
    });
  };
  world.run(invoke([&]() -> task<> {
    co_await round();
    const auto before = frame_pool::heap_allocations();
    const auto blocks_before = counted_heap::live();
    for (int i = 0; i < 100; ++i) co_await round();
    EXPECT_EQ(frame_pool::heap_allocations(), before);
    EXPECT_EQ(counted_heap::live(), blocks_before);
  }));
}

TEST(frame_pool, does_not_keep_all_that_was_ever_used) {
  std::vector<void*> blocks;
  const auto before = counted_heap::live();
  for (int i = 0; i < 100'000; ++i) blocks.push_back(frame_pool::allocate(4096));
  for (void* block : blocks) frame_pool::deallocate(block, 4096);
  blocks = {};
  // 8 MiB at most, which are two thousand of these.
  EXPECT_LE(counted_heap::live() - before, 3000);
}

// A service begins with what it needs once, or goes over to requests of another kind.
TEST(frame_pool, full_of_what_nobody_needs_keeps_what_is_needed_now) {
  if (!pool_keeps_blocks()) return;
  std::thread([] {
    const auto round = [](std::size_t count, std::size_t size) {
      std::vector<void*> blocks(count);
      for (void*& block : blocks) block = frame_pool::allocate(size);
      for (void* block : blocks) frame_pool::deallocate(block, size);
    };
    for (const std::size_t size : {4096, 100, 1000}) {
      round(100'000, size);
      for (const std::size_t other : {200, 3000}) {
        round(1000, other);
        const auto before = frame_pool::heap_allocations();
        for (int i = 0; i < 10; ++i) round(1000, other);
        EXPECT_EQ(frame_pool::heap_allocations(), before);
      }
    }
  }).join();
}

TEST(frame_pool, takes_blocks_of_other_threads) {
  std::vector<void*> blocks(1000);
  std::thread([&] {
    for (void*& block : blocks) block = frame_pool::allocate(200);
    EXPECT_EQ(frame_pool::live(), 1000);
  }).join();
  const auto before = frame_pool::live();
  for (void* block : blocks) frame_pool::deallocate(block, 200);
  EXPECT_EQ(frame_pool::live() - before, -1000);
}

TEST(frame_pool, of_a_thread_goes_back_to_the_heap_when_that_ends) {
  const auto use = [] {
    for (int i = 0; i < 100; ++i) frame_pool::deallocate(frame_pool::allocate(200), 200);
  };
  std::thread(use).join();  // what the first thread ever leaves behind is not ours
  const auto before = counted_heap::live();
  for (int i = 0; i < 10; ++i) std::thread(use).join();
  EXPECT_EQ(counted_heap::live(), before);
}

TEST(frame_pool, of_a_thread_that_only_takes_back_goes_to_the_heap_too) {
  std::thread([] {}).join();
  for (int i = 0; i < 3; ++i) {
    std::vector<void*> blocks(1000);
    const auto before = counted_heap::live();
    std::thread([&] {
      for (void*& block : blocks) block = frame_pool::allocate(200);
    }).join();
    std::thread([&] {
      for (void* block : blocks) frame_pool::deallocate(block, 200);
    }).join();
    EXPECT_EQ(counted_heap::live(), before);
  }
}

TEST(frame_pool, keeps_nothing_where_it_is_told_so) {
  std::thread([] {
    frame_pool::deallocate(frame_pool::allocate(200), 200);
    frame_pool::keep_nothing();
    const auto before = frame_pool::heap_allocations();
    for (std::uint64_t asked = 1; asked <= 3; ++asked) {
      frame_pool::deallocate(frame_pool::allocate(200), 200);
      EXPECT_EQ(frame_pool::heap_allocations(), before + asked);
    }
  }).join();
}

}  // namespace
}  // namespace gyre::testing_runtime
