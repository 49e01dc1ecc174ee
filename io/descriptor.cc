#include "gyre/io/descriptor.h"

#include <unistd.h>

#include <cerrno>

#include "gyre/runtime/backend.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/loop.h"

namespace gyre {

descriptor::descriptor(descriptor&& other) noexcept : fd_(other.release()) {}

descriptor& descriptor::operator=(descriptor&& other) noexcept {
  if (this == &other) return *this;
  reset();
  fd_ = other.release();
  return *this;
}

int descriptor::release() noexcept {
  check(!users_.any(), "a descriptor was moved while an operation on it was in flight");
  return std::exchange(fd_, -1);
}

void descriptor::reset() noexcept {
  check(!users_.any(),
        "a descriptor was destroyed while an operation on it was in flight: close() it first");
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

task<result<void>> descriptor::close() {
  if (users_.any()) {
    loop::current().kernel().cancel_all(users_);
    co_await users_left(users_);
  }
  if (fd_ < 0) co_return std::errc::bad_file_descriptor;
  // On Linux the number is free again whatever close(2) answers, EINTR included: see its man page.
  if (::close(std::exchange(fd_, -1)) != 0 && errno != EINTR) co_return errno_error(errno);
  co_return result<void>();
}

}  // namespace gyre
