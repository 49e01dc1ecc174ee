#include "gyre/runtime/ready_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <type_traits>

namespace gyre {
namespace {

class entry final : public ready_node {
 public:
  explicit entry(int number) : number(number) {}
  ~entry() = default;
  int number;
};

int pop_number(ready_queue& queue) {
  return static_cast<entry&>(queue.pop()).number;
}

TEST(ready_queue, is_first_come_first_served) {
  ready_queue queue;
  std::deque<entry> entries;
  EXPECT_TRUE(queue.empty());
  for (int i = 0; i < 100; ++i) queue.push(entries.emplace_back(i));
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(queue.empty());
    EXPECT_EQ(pop_number(queue), i);
  }
  EXPECT_TRUE(queue.empty());
}

TEST(ready_queue, takes_entries_again_while_others_wait) {
  ready_queue queue;
  std::deque<entry> entries;
  for (int i = 0; i < 3; ++i) queue.push(entries.emplace_back(i));
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(pop_number(queue), i % 3);
    queue.push(entries[static_cast<std::size_t>(i) % 3]);
  }
}

TEST(ready_queue, can_be_emptied_and_filled_again) {
  ready_queue queue;
  entry only(1);
  for (int i = 0; i < 10; ++i) {
    queue.push(only);
    EXPECT_EQ(pop_number(queue), 1);
    EXPECT_TRUE(queue.empty());
  }
}

}  // namespace
}  // namespace gyre
