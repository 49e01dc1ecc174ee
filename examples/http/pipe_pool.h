#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "gyre/io/pipe.h"

namespace http {

/// The pipes through which files go to sockets. Making one takes four system calls, so that a few
/// are kept; how many there may be in all is bounded, since each takes two descriptors and up to
/// its capacity of page cache.
class pipe_pool {
 public:
  /// A pipe on loan. It is closed when it is dropped, for it may hold bytes of an answer that was
  /// cut off; whoever has emptied it gives it back.
  class lease {
   public:
    lease(pipe_pool& pool, gyre::pipe pipe) noexcept : pool_(&pool), pipe_(std::move(pipe)) {}
    lease(lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), pipe_(std::move(other.pipe_)) {}
    lease& operator=(lease&&) = delete;
    ~lease() {
      if (pool_) --pool_->open_;
    }

    gyre::pipe& operator*() noexcept { return pipe_; }
    gyre::pipe* operator->() noexcept { return &pipe_; }

    /// The pipe is empty: it may serve another file.
    void give_back() noexcept {
      if (pool_->idle_.size() < pool_->idle_.capacity())
        std::exchange(pool_, nullptr)->idle_.push_back(std::move(pipe_));
    }

   private:
    pipe_pool* pool_;
    gyre::pipe pipe_;
  };

  /// Keeps at most `idle_max` pipes that nobody uses, and makes at most `open_max`.
  pipe_pool(std::size_t idle_max, std::size_t open_max) : open_max_(open_max) {
    idle_.reserve(idle_max);
  }
  pipe_pool(const pipe_pool&) = delete;
  pipe_pool& operator=(const pipe_pool&) = delete;

  /// An empty pipe, or none when too many are in use or descriptors are out.
  std::optional<lease> take() {
    if (!idle_.empty()) {
      gyre::pipe pipe = std::move(idle_.back());
      idle_.pop_back();
      return lease(*this, std::move(pipe));
    }
    if (open_ >= open_max_) return std::nullopt;
    auto made = gyre::pipe::create(capacity);
    if (!made) return std::nullopt;
    ++open_;
    return lease(*this, *std::move(made));
  }

 private:
  // Large enough that a file costs few turns, small enough that a thousand downloads at a time keep
  // a bounded part of the page cache busy.
  static constexpr std::size_t capacity = 256 << 10;

  std::size_t open_ = 0;
  std::size_t open_max_;
  std::vector<gyre::pipe> idle_;
};

}  // namespace http
