#pragma once

#include <cstddef>

namespace gyre {

/// A coroutine that can stand in a ready queue. Each coroutine has exactly one, in its promise: it
/// is in at most one queue at a time.
class ready_node {
 public:
  ready_node(const ready_node&) = delete;
  ready_node& operator=(const ready_node&) = delete;

 protected:
  ready_node() noexcept = default;
  ~ready_node() = default;

 private:
  friend class loop;
  friend class ready_queue;
  ready_node* next_;  // set when it is pushed
};

/// Coroutines to resume, first come first served. Intrusive: pushing allocates nothing.
class ready_queue {
 public:
  bool empty() const noexcept { return first_ == nullptr; }

  void push(ready_node& node) noexcept {
    node.next_ = nullptr;
    *last_ = &node;
    last_ = &node.next_;
  }

  /// The queue must not be empty.
  ready_node& pop() noexcept {
    ready_node& node = *first_;
    first_ = node.next_;
    if (!first_) last_ = &first_;
    return node;
  }

  /// Calls `function(node)` for each, the first first.
  template <class Function>
  void for_each(Function function) const {
    for (const ready_node* each = first_; each; each = each->next_) function(*each);
  }

  ready_queue() noexcept = default;
  ready_queue(const ready_queue&) = delete;
  ready_queue& operator=(const ready_queue&) = delete;

 private:
  ready_node* first_ = nullptr;
  ready_node** last_ = &first_;
};

}  // namespace gyre
