#include "gyre/examples/kv/shards.h"

#include <utility>

#include "gyre/runtime/when_all.h"

namespace kv {

gyre::task<gyre::result<void>> shards::make(std::vector<batch>& batches, unsigned here) {
  std::vector<gyre::task<gyre::result<void>>> asked;
  batch* first = nullptr;
  unsigned first_shard = 0;
  for (unsigned shard = 0; shard < batches.size(); ++shard) {
    if (!batches[shard].goes_on()) continue;
    if (first) {
      asked.push_back(make_one(shard, batches[shard], here));
    } else {
      first = &batches[shard];
      first_shard = shard;
    }
  }
  if (!first) co_return gyre::result<void>();
  if (asked.empty()) co_return co_await make_one(first_shard, *first, here);
  asked.push_back(make_one(first_shard, *first, here));
  const auto made = co_await gyre::when_all(std::move(asked));
  for (const gyre::result<void>& each : made)
    if (!each) co_return each;
  co_return gyre::result<void>();
}

gyre::task<gyre::result<void>> shards::make_one(unsigned shard, batch& steps, unsigned here) {
  kv::shard& asked = *all_[shard];
  if (core_of(shard) == here) co_return co_await asked.make(steps);
  co_return co_await cores_->submit_to(core_of(shard), [&] { return asked.make(steps); });
}

gyre::task<std::vector<shard_facts>> shards::facts() {
  std::vector<shard_facts> told;
  for (unsigned shard = 0; shard < all_.size(); ++shard) {
    const unsigned core = core_of(shard);
    auto facts = co_await cores_->submit_to(core, [&] { return all_[shard]->facts(); });
    if (!facts) break;  // the server is ending
    facts->core = core;
    told.push_back(*std::move(facts));
  }
  co_return told;
}

}  // namespace kv
