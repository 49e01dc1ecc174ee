#include "gyre/io/plain_write.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>

#include "gyre/io/descriptor.h"
#include "gyre/io/system_call.h"

namespace gyre {
namespace {

using bytes = std::span<const std::byte>;

int write_at_most(int fd, bytes content, std::size_t most) noexcept {
  return system_call([&] { return ::write(fd, content.data(), std::min(content.size(), most)); });
}

// Of a pty: opened anew it would become another pty.
bool is_master(int fd) noexcept {
  unsigned number = 0;
  return ioctl(fd, TIOCGPTN, &number) == 0;
}

bool are_same_terminal(int one, int other) noexcept {
  unsigned first = 0;
  unsigned second = 0;
  return ioctl(one, TIOCGDEV, &first) == 0 && ioctl(other, TIOCGDEV, &second) == 0 &&
         first == second;
}

// Opened anew it has an O_NONBLOCK of its own. /dev/tty becomes whatever terminal the process has
// by now.
descriptor opened_anew(int terminal) noexcept {
  std::array<char, 32> path;
  std::snprintf(path.data(), path.size(), "/proc/self/fd/%d", terminal);
  descriptor opened(open(path.data(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (opened.is_open() && !are_same_terminal(opened.number(), terminal)) return descriptor();
  return opened;
}

// What one that is ready has room for, if nobody else writes. Where bytes are processed each may
// become eight, and the first of them take the room of 256.
constexpr std::size_t unprocessed_room = 256;
constexpr std::size_t processed_room = 1;

int write_to_terminal(int fd, bytes content, const termios& mode) noexcept {
  if (is_master(fd)) return write_at_most(fd, content, unprocessed_room);
  const descriptor own = opened_anew(fd);
  if (own.is_open()) return write_at_most(own.number(), content, transfer_max);
  const bool processed = (mode.c_oflag & OPOST) != 0;
  return write_at_most(fd, content, processed ? processed_room : unprocessed_room);
}

// Some devices can be asked all the same.
int write_what_has_room(int fd, bytes content) noexcept {
  const iovec part = {const_cast<std::byte*>(content.data()),
                      std::min<std::size_t>(content.size(), transfer_max)};
  const int answer = system_call([&] { return ::pwritev2(fd, &part, 1, -1, RWF_NOWAIT); });
  if (answer != -EAGAIN && answer != -EOPNOTSUPP) return answer;
  if (!is_ready(fd, POLLOUT)) return -EAGAIN;
  if ((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0) return write_at_most(fd, content, transfer_max);
  termios mode;
  if (tcgetattr(fd, &mode) == 0) return write_to_terminal(fd, content, mode);
  return write_at_most(fd, content, PIPE_BUF);
}

void take_edge(int edges) noexcept {
  epoll_event taken;
  system_call([&] { return epoll_wait(edges, &taken, 1, 0); });
}

}  // namespace

plain_write::~plain_write() {
  if (edges_ >= 0) ::close(edges_);
}

// What comes after an edge is taken is another one: the attempt has to be later.
int plain_write::attempt(int fd, bytes content) noexcept {
  if (edges_ >= 0) take_edge(edges_);
  const int answer = write_what_has_room(fd, content);
  if (answer != -EAGAIN || edges_ >= 0 || !is_ready(fd, POLLOUT)) return answer;
  if (const int error = watch_edges(fd)) return error;
  take_edge(edges_);
  return write_what_has_room(fd, content);
}

readiness plain_write::ready_when(int fd) const noexcept {
  if (edges_ >= 0) return {edges_, POLLIN};
  return {fd, POLLOUT};
}

// A negative errno, or 0.
int plain_write::watch_edges(int fd) noexcept {
  edges_ = epoll_create1(EPOLL_CLOEXEC);
  if (edges_ < 0) return -errno;
  epoll_event room = {EPOLLOUT | EPOLLET, {.fd = fd}};
  return epoll_ctl(edges_, EPOLL_CTL_ADD, fd, &room) == 0 ? 0 : -errno;
}

}  // namespace gyre
