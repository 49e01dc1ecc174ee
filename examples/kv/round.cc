#include "gyre/examples/kv/round.h"

#include <string_view>
#include <utility>

#include "gyre/examples/kv/resp.h"

namespace kv {

/// FNV-1a, of 64 bits.
unsigned shard_of(std::string_view key, std::size_t shards) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : key) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  // The low bits of short keys that are alike differ least.
  return static_cast<unsigned>((hash ^ (hash >> 32)) % shards);
}

void round::add(const step& step) {
  const unsigned shard = shard_of(step.key, batches_.size());
  batches_[shard].steps.push_back(step);
  order_.push_back(shard);
  ++commands_.back().size;
}

void round::answer(std::string_view reply) {
  begin(merging::none);
  commands_.back().size = reply.size();
  at_once_.append(reply);
}

bool round::merge(std::string& output) {
  cursors_.resize(batches_.size());
  for (; commands_done_ < commands_.size(); ++commands_done_) {
    const command& next = commands_[commands_done_];
    if (next.how == merging::none) {
      output.append(at_once_, at_once_done_, next.size);
      at_once_done_ += next.size;
    } else if (!merge_steps(next, output)) {
      return false;
    }
  }
  clear();
  return true;
}

/// False when not all of its steps were made.
bool round::merge_steps(const command& command, std::string& output) {
  if (!std::exchange(begun_, true) && command.how == merging::array)
    resp::append_array(output, command.size);
  for (; steps_done_ < command.size; ++steps_done_) {
    const std::uint32_t shard = order_[order_done_];
    batch& from = batches_[shard];
    cursor& at = cursors_[shard];
    if (at.step == from.done) {
      // All that it has answered is merged: there is room for more.
      from.replies.clear();
      at.offset = 0;
      return false;
    }
    ++order_done_;
    merge_step(command, from, at, output);
  }
  steps_done_ = 0;
  begun_ = false;
  if (command.how != merging::sum) return true;
  if (failure_.empty())
    resp::append_integer(output, sum_);
  else
    output.append(failure_);
  sum_ = 0;
  failure_.clear();
  return true;
}

void round::merge_step(const command& command, batch& from, cursor& at, std::string& output) {
  const step& made = from.steps[at.step++];
  if (command.how != merging::sum)
    output.append(from.replies, at.offset, made.reply_size);
  else if (made.failed)
    failure_ = from.replies.substr(at.offset, made.reply_size);
  else
    sum_ += made.count;
  at.offset += made.reply_size;
}

void round::clear() noexcept {
  for (batch& each : batches_) each.clear();
  commands_.clear();
  order_.clear();
  at_once_.clear();
  cursors_.clear();
  commands_done_ = steps_done_ = order_done_ = at_once_done_ = 0;
}

}  // namespace kv
