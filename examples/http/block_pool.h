#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "gyre/runtime/check.h"

namespace http {

/// Blocks of memory of one size that go round among the connections of a loop: a connection has one
/// only while it needs it, so that an idle one costs little, and a busy server asks the heap for
/// nothing. What lies idle here is bounded; what is out is bounded by the number of connections.
class block_pool {
 public:
  /// A block on loan, or none. Goes back when it is dropped; the pool must still be there.
  class lease {
   public:
    lease() noexcept = default;
    lease(lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), block_(std::move(other.block_)) {}
    lease& operator=(lease&& other) noexcept {
      release();
      pool_ = std::exchange(other.pool_, nullptr);
      block_ = std::move(other.block_);
      return *this;
    }
    ~lease() { release(); }

    explicit operator bool() const noexcept { return pool_ != nullptr; }
    std::span<char> bytes() const noexcept {
      return pool_ ? std::span(block_.get(), pool_->size_) : std::span<char>();
    }
    void release() noexcept {
      if (pool_) std::exchange(pool_, nullptr)->take_back(std::move(block_));
    }

   private:
    friend class block_pool;
    lease(block_pool& pool, std::unique_ptr<char[]> block) noexcept
        : pool_(&pool), block_(std::move(block)) {
      ++pool.leased_;
    }

    block_pool* pool_ = nullptr;
    std::unique_ptr<char[]> block_;
  };

  /// Keeps at most `idle_max` blocks of `size` bytes that nobody has.
  block_pool(std::size_t size, std::size_t idle_max) : size_(size) { idle_.reserve(idle_max); }
  block_pool(const block_pool&) = delete;
  block_pool& operator=(const block_pool&) = delete;
  ~block_pool() {
    gyre::check(leased_ == 0, "a block pool was destroyed before its blocks came back");
  }

  /// Throws `std::bad_alloc` when memory is out.
  lease take() {
    if (idle_.empty()) return lease(*this, std::make_unique_for_overwrite<char[]>(size_));
    auto block = std::move(idle_.back());
    idle_.pop_back();
    return lease(*this, std::move(block));
  }

  std::size_t block_size() const noexcept { return size_; }
  std::size_t leased() const noexcept { return leased_; }
  std::size_t idle() const noexcept { return idle_.size(); }

 private:
  void take_back(std::unique_ptr<char[]> block) noexcept {
    --leased_;
    if (idle_.size() < idle_.capacity()) idle_.push_back(std::move(block));
  }

  std::size_t size_;
  std::size_t leased_ = 0;
  std::vector<std::unique_ptr<char[]>> idle_;
};

/// The two sizes that connections use: most answers fit a small block; a large one takes a long
/// request head, many pipelined answers, or a file that is sent in one write with its head.
class block_pools {
 public:
  block_pools() : small(4 << 10, 2048), large(32 << 10, 128) {}

  block_pool small;
  block_pool large;
};

}  // namespace http
