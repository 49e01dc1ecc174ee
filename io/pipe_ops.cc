#include "gyre/io/pipe_ops.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/uio.h>

#include <algorithm>

#include "gyre/io/poll_ops.h"
#include "gyre/io/system_call.h"

namespace gyre {
namespace op {

constinit const operation_kind tee::kind("tee", "tee(2)", awaited_thing::nothing,
                                         ring_policy::perform);
tee::tee(descriptor& source, descriptor& target, std::size_t most) noexcept
    : operation(kind, source.users(), target.users()),
      source_(source.number()),
      target_(target.number()),
      most_(static_cast<unsigned>(std::min<std::size_t>(most, transfer_max))) {}
int tee::perform() noexcept {
  return system_call([this] { return ::tee(source_, target_, most_, SPLICE_F_NONBLOCK); });
}

constinit const operation_kind vmsplice::kind("vmsplice", "vmsplice(2)", awaited_thing::writing,
                                              ring_policy::perform);
int vmsplice::perform() noexcept {
  const iovec part = {const_cast<std::byte*>(buffer_.data()),
                      std::min<std::size_t>(buffer_.size(), transfer_max)};
  return system_call([&] { return ::vmsplice(pipe_, &part, 1, SPLICE_F_NONBLOCK); });
}
readiness vmsplice::ready_when() const noexcept {
  return {pipe_, POLLOUT};
}

std::span<const operation_kind* const> pipe_operations() noexcept {
  static constexpr const operation_kind* all[] = {&tee::kind, &vmsplice::kind};
  return all;
}

}  // namespace op

// An operation waits for one descriptor; which of the two it is must be found out each time.
task<result<std::size_t>> tee(descriptor& source, descriptor& target, std::size_t most) {
  while (true) {
    const auto done = co_await op::tee(source, target, most);
    if (done || done.error() != std::errc::resource_unavailable_try_again) co_return done;
    const auto filled = co_await op::poll(source, POLLIN);
    if (!filled) co_return filled.error();
    const auto emptied = co_await op::poll(target, POLLOUT);
    if (!emptied) co_return emptied.error();
  }
}

}  // namespace gyre
