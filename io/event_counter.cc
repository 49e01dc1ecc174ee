#include "gyre/io/event_counter.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "gyre/io/system_call.h"

namespace gyre {

result<event_counter> event_counter::create(unsigned initial, taking how) {
  const int semaphore = how == taking::one_by_one ? EFD_SEMAPHORE : 0;
  const int fd = eventfd(initial, EFD_CLOEXEC | EFD_NONBLOCK | semaphore);
  if (fd < 0) return errno_error(errno);
  return event_counter(fd);
}

result<void> event_counter::post(std::uint64_t value) noexcept {
  const int interrupted_errno = errno;  // of the code that a signal handler interrupts
  const int answer = system_call([&] { return ::write(counter_.number(), &value, sizeof value); });
  errno = interrupted_errno;
  if (answer < 0) return errno_error(-answer);
  return {};
}

}  // namespace gyre
