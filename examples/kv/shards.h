#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "gyre/examples/kv/batch.h"
#include "gyre/examples/kv/shard.h"
#include "gyre/io/run.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace kv {

/// All shards, from wherever one is: on this core a shard is called, on another one by a call that
/// goes there and comes back. From any core, once all shards are open.
class shards {
 public:
  shards() noexcept = default;
  shards(const shards&) = delete;
  shards& operator=(const shards&) = delete;

  /// Before any other core looks: how many there are, and the loops that they belong to.
  void lay_out(gyre::cores& cores, unsigned count) {
    cores_ = &cores;
    all_.resize(count);
  }
  unsigned count() const noexcept { return static_cast<unsigned>(all_.size()); }
  unsigned core_of(unsigned shard) const noexcept { return shard % cores_->count(); }
  /// By the shard's core, which keeps it until no core asks for it any more.
  void enter(unsigned number, shard& opened) noexcept { all_[number] = &opened; }

  /// Has the steps of each batch made that are not made yet, by as many shards at a time; each is
  /// asked once, however many its steps are. `batches` has one for each shard. `operation_canceled`
  /// when the task was asked to stop: then some of the steps may have been made.
  gyre::task<gyre::result<void>> make(std::vector<batch>& batches, unsigned here);

  /// What all shards say about themselves, in their order.
  gyre::task<std::vector<shard_facts>> facts();

 private:
  gyre::task<gyre::result<void>> make_one(unsigned shard, batch& steps, unsigned here);

  gyre::cores* cores_ = nullptr;
  std::vector<shard*> all_;
};

}  // namespace kv
