// The limit of readiness-based I/O: edge-triggered epoll, one thread, in C.
//
//   raw_epoll --port 9000
//
// A descriptor is registered once. A short read means that the socket is empty, so no second read
// is spent on learning EAGAIN; what arrives later makes a new edge.
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gyre/benchmarks/echo/listener.h"

enum { events_max = 512, accepts_max = 64 };

struct connection {
  int fd;
  unsigned sent;      // of the bytes in buffer
  unsigned received;  // bytes in buffer; sent < received: waiting until the socket can be written
  char buffer[echo_buffer_size];
};

static void close_connection(struct connection* c) {
  close(c->fd);
  free(c);
}

// False when the socket is full or broken; then *c may be gone.
static bool flush(struct connection* c) {
  while (c->sent < c->received) {
    ssize_t n = send(c->fd, c->buffer + c->sent, c->received - c->sent, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) close_connection(c);
      return false;
    }
    c->sent += (unsigned)n;
  }
  c->sent = c->received = 0;
  return true;
}

static void echo(struct connection* c, unsigned events) {
  if (!flush(c)) return;
  bool ends = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  for (;;) {
    ssize_t n = recv(c->fd, c->buffer, sizeof c->buffer, 0);
    if (n > 0) {
      c->received = (unsigned)n;
      if (!flush(c)) return;
      if ((size_t)n < sizeof c->buffer && !ends) return;
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && errno == EAGAIN) {
      return;
    } else {
      close_connection(c);
      return;
    }
  }
}

static void accept_connections(int epoll, int listener) {
  for (int i = 0; i < accepts_max; i++) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN) return;
      echo_fail("accept4", errno);
    }
    echo_no_delay(fd);
    struct connection* c = malloc(sizeof *c);
    if (c == NULL) echo_fail("malloc", ENOMEM);
    c->fd = fd;
    c->sent = c->received = 0;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) echo_fail("epoll_ctl", errno);
  }
}

int main(int argc, char** argv) {
  struct echo_options options = echo_parse_options(argc, argv);
  int listener = echo_listen(&options);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) echo_fail("epoll_create1", errno);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) echo_fail("epoll_ctl", errno);
  echo_announce(listener);

  static struct epoll_event events[events_max];
  for (;;) {
    int n = epoll_wait(epoll, events, events_max, options.spin ? 0 : -1);
    if (n < 0 && errno != EINTR) echo_fail("epoll_wait", errno);
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr == NULL) {
        accept_connections(epoll, listener);
      } else {
        echo(events[i].data.ptr, events[i].events);
      }
    }
  }
}
