// Edge-triggered epoll. A short read ends a turn: the socket is empty then.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "gyre/benchmarks/load/clock.h"
#include "gyre/benchmarks/load/loop.h"

namespace gyre::load {
namespace {

constexpr std::size_t buffer_size = 64 * 1024;
constexpr int tick_ms = 10;  // how late an idle loop may look at the time

class epoll_loop {
 public:
  explicit epoll_loop(session& s) : session_(s), buffer_(buffer_size) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
  }
  ~epoll_loop() {
    if (epoll_ >= 0) close(epoll_);
  }
  epoll_loop(const epoll_loop&) = delete;
  epoll_loop& operator=(const epoll_loop&) = delete;

  bool ready() const { return epoll_ >= 0; }

  void run() {
    const int timeout = session_.opts().spin ? 0 : tick_ms;
    while (!session_.over(now_ns())) {
      while (connection* c = session_.next_to_connect()) connect_now(*c);
      const int count =
          epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), timeout);
      for (int i = 0; i < count; i++) {
        serve(*static_cast<connection*>(events_[static_cast<std::size_t>(i)].data.ptr),
              events_[static_cast<std::size_t>(i)].events);
      }
    }
  }

 private:
  void connect_now(connection& c) {
    const options& o = session_.opts();
    if (connect(c.fd, reinterpret_cast<const sockaddr*>(&o.address), o.address_size) != 0 &&
        errno != EINPROGRESS) {
      give_up(c, "connect", errno);
      return;
    }
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &c;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event) != 0) give_up(c, "epoll_ctl", errno);
  }

  void serve(connection& c, std::uint32_t events) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
      int error = 0;
      socklen_t size = sizeof error;
      getsockopt(c.fd, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return give_up(c, c.begun() ? "connection" : "connect", error);
    }
    if ((events & EPOLLIN) != 0 && !receive(c, (events & EPOLLRDHUP) != 0)) return;
    if ((events & EPOLLOUT) != 0) send_due(c, now_ns());
  }

  // False when the connection is gone.
  bool receive(connection& c, bool ends) {
    for (;;) {
      const ssize_t n = recv(c.fd, buffer_.data(), buffer_.size(), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return true;
      if (n <= 0) {
        give_up(c, "receive", n < 0 ? errno : 0);
        return false;
      }
      const std::size_t size = static_cast<std::size_t>(n);
      const std::uint64_t now = now_ns();
      if (!session_.received(c, {buffer_.data(), size}, now)) {
        session_.disconnect(c);
        return false;
      }
      if (!send_due(c, now)) return false;
      if (size < buffer_.size() && !ends) return true;
    }
  }

  // False when the connection is gone.
  bool send_due(connection& c, std::uint64_t now) {
    for (;;) {
      if (c.unsent.empty()) c.unsent = session_.next(c, now);
      if (c.unsent.empty()) return true;
      const ssize_t n = send(c.fd, c.unsent.data(), c.unsent.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return true;
      if (n < 0) {
        give_up(c, "send", errno);
        return false;
      }
      c.unsent = c.unsent.subspan(static_cast<std::size_t>(n));
    }
  }

  void give_up(connection& c, const char* what, int error) {
    session_.failed(c, what, error);
    session_.disconnect(c);
  }

  session& session_;
  int epoll_ = -1;
  std::vector<char> buffer_;
  std::array<epoll_event, 512> events_{};
};

}  // namespace

std::string run_on_epoll(session& s) {
  epoll_loop loop(s);
  if (!loop.ready()) return std::string("no epoll: ") + std::strerror(errno);
  s.outcome().loop = "epoll";
  loop.run();
  return {};
}

}  // namespace gyre::load
