#include "gyre/io/event_ops.h"

#include <poll.h>
#include <unistd.h>

#include "gyre/io/system_call.h"

namespace gyre::op {

constinit const operation_kind eventfd_read::kind("eventfd_read", "read(2)", awaited_thing::reading,
                                                  ring_policy::perform);
int eventfd_read::perform() noexcept {
  return system_call([this] { return ::read(fd_, &value_, sizeof value_); });
}
readiness eventfd_read::ready_when() const noexcept {
  return {fd_, POLLIN};
}
result<std::uint64_t> eventfd_read::await_resume() noexcept {
  const int answer = outcome();
  if (answer < 0) return errno_error(-answer);
  return value_;
}

std::span<const operation_kind* const> event_operations() noexcept {
  static constexpr const operation_kind* all[] = {&eventfd_read::kind};
  return all;
}

}  // namespace gyre::op
