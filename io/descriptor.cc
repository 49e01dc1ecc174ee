#include "gyre/io/descriptor.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "gyre/runtime/backend.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/loop.h"

namespace gyre {

descriptor::descriptor(descriptor&& other) noexcept {
  users_.number = take_from(other);
}

descriptor& descriptor::operator=(descriptor&& other) noexcept {
  if (this == &other) return *this;
  reset();
  users_.number = take_from(other);
  return *this;
}

int descriptor::release() noexcept {
  check(!users_.any(), "a descriptor was moved while an operation on it was in flight");
  users_.note = {};
  unlearn();
  return std::exchange(users_.number, -1);
}

int descriptor::take_from(descriptor& other) noexcept {
  users_.note = other.users_.note;
  positions_ = other.positions_;
  writing_ = other.writing_;
  return other.release();
}

// On another thread than that of the note's loop there is no telling; the backend finds out later.
int descriptor::close_now() noexcept {
  if (users_.note.by) {
    if (loop* home = loop::current_or_null()) home->kernel().forget(users_, users_.number);
    users_.note = {};
  }
  unlearn();
  return ::close(std::exchange(users_.number, -1));
}

// Whatever else is wrong with it, the operation is told by the kernel.
void descriptor::learn_positions() noexcept {
  const int interrupted_errno = errno;
  const bool none = ::lseek(users_.number, 0, SEEK_CUR) < 0 && errno == ESPIPE;
  errno = interrupted_errno;
  positions_ = none ? positions::none : positions::some;
}

// An eventfd and what else has no name in any file system has no type either.
void descriptor::learn_writing() noexcept {
  const int interrupted_errno = errno;
  struct stat status;
  const bool told = ::fstat(users_.number, &status) == 0;
  errno = interrupted_errno;
  const mode_t type = told ? status.st_mode & S_IFMT : S_IFREG;
  writing_ = type == S_IFCHR || type == 0 ? writing::plain : writing::other;
}

void descriptor::unlearn() noexcept {
  positions_ = positions::unknown;
  writing_ = writing::unknown;
}

void descriptor::reset() noexcept {
  check(!users_.any(),
        "a descriptor was destroyed while an operation on it was in flight: close() it first");
  if (users_.number >= 0) close_now();
}

task<result<void>> descriptor::close() {
  if (users_.number < 0 || users_.closing()) co_return std::errc::bad_file_descriptor;
  if (users_.any()) {
    users_.begin_closing();
    loop::current().cancel_all(users_);
    co_await users_left(users_);
    users_.end_closing();
  }
  // On Linux the number is free again whatever close(2) answers, EINTR included: see its man page.
  if (close_now() != 0 && errno != EINTR) co_return errno_error(errno);
  co_return result<void>();
}

}  // namespace gyre
