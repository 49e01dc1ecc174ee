// A message out, the same message back. Its first and last bytes are a stamp of connection and
// turn, so a server that mixes up connections, buffers or order is found out at little cost.
#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "gyre/benchmarks/load/exchange.h"

namespace gyre::load {
namespace {

class echo_exchange final : public exchange {
 public:
  echo_exchange(std::size_t size, std::uint32_t index) : message_(size), index_(index) {
    for (std::size_t i = 0; i < size; i++) message_[i] = static_cast<char>('a' + i % 26);
  }

  void reset(std::uint64_t now) override {
    due_ = true;
    back_ = 0;
    turn_ = now;
  }

  std::span<const char> next(std::uint64_t now) override {
    if (!due_) return {};
    due_ = false;
    started_ = now;
    stamp();
    return message_;
  }

  verdict received(std::span<const char> bytes, std::uint64_t now, meter& m) override {
    if (due_ || bytes.size() > message_.size() - back_) {
      m.failed("the server sent more than it was sent");
      return verdict::broken;
    }
    if (!stamped_alike(bytes)) {
      m.failed("the server sent back other bytes than it was sent");
      return verdict::broken;
    }
    back_ += bytes.size();
    if (back_ == message_.size()) {
      back_ = 0;
      due_ = true;
      m.completed(started_, turn_, now);
    }
    return verdict::going_on;
  }

  std::uint64_t turn() const override { return turn_; }

 private:
  using stamp_type = std::array<std::uint32_t, 2>;
  static constexpr std::size_t stamp_size = sizeof(stamp_type);

  void stamp() {
    const stamp_type value = {index_, ++sequence_};
    const std::size_t size = std::min(stamp_size, message_.size());
    std::memcpy(message_.data() + message_.size() - size, &value, size);
    std::memcpy(message_.data(), &value, size);
  }

  // Compares what of the two stamps lies within these bytes.
  bool stamped_alike(std::span<const char> bytes) const {
    const std::size_t size = std::min(stamp_size, message_.size());
    return alike(bytes, 0, size) && alike(bytes, message_.size() - size, message_.size());
  }

  bool alike(std::span<const char> bytes, std::size_t from, std::size_t to) const {
    const std::size_t first = std::max(from, back_);
    const std::size_t last = std::min(to, back_ + bytes.size());
    return first >= last ||
           std::memcmp(bytes.data() + (first - back_), message_.data() + first, last - first) == 0;
  }

  std::vector<char> message_;
  std::uint32_t index_;
  std::uint32_t sequence_ = 0;
  std::size_t back_ = 0;  // bytes of the echo received so far
  bool due_ = true;
  std::uint64_t started_ = 0;
  std::uint64_t turn_ = 0;
};

}  // namespace

std::unique_ptr<exchange> make_echo_exchange(const options& o, std::uint32_t index) {
  return std::make_unique<echo_exchange>(o.size, index);
}

}  // namespace gyre::load
