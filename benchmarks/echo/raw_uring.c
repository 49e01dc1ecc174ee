// The limit of completion-based I/O with one request per receive and per send: io_uring through
// liburing, one thread, in C.
//
//   raw_uring --port 9000
//
// One system call a turn submits what the last batch of completions asked for and waits for the
// next one. Task work is deferred to that call, and the ring's descriptor is registered.
//
// Measured against it and no better: linked send and receive, smaller queues, NO_SQARRAY, huge
// pages. IORING_RECVSEND_POLL_FIRST, which skips the first look at the socket, costs 5 % at 50 and
// 500 connections, because under load the next message is often there by then. At 5,000 it gains
// 4 % with 64 B and costs 5 % with 16 KiB; there it makes the turns more even.
#include <errno.h>
#include <liburing.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "gyre/benchmarks/echo/listener.h"

enum { sq_entries = 4096, cq_entries = 16384 };

// What a completion belongs to: the connection's address, and this in its low bit.
enum step { step_receive = 0, step_send = 1 };

struct connection {
  int fd;
  char buffer[echo_buffer_size];
};

static struct io_uring_sqe* next_sqe(struct io_uring* ring) {
  struct io_uring_sqe* sqe = io_uring_get_sqe(ring);
  while (sqe == NULL) {
    int n = io_uring_submit(ring);
    if (n < 0) echo_fail("io_uring_submit", -n);
    sqe = io_uring_get_sqe(ring);
  }
  return sqe;
}

static void submit_accept(struct io_uring* ring, int listener) {
  struct io_uring_sqe* sqe = next_sqe(ring);
  io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
  io_uring_sqe_set_data64(sqe, 0);
}

static void submit_receive(struct io_uring* ring, struct connection* c) {
  struct io_uring_sqe* sqe = next_sqe(ring);
  io_uring_prep_recv(sqe, c->fd, c->buffer, sizeof c->buffer, 0);
  io_uring_sqe_set_data64(sqe, (uintptr_t)c | step_receive);
}

static void submit_send(struct io_uring* ring, struct connection* c, unsigned size) {
  struct io_uring_sqe* sqe = next_sqe(ring);
  io_uring_prep_send(sqe, c->fd, c->buffer, size, MSG_NOSIGNAL | MSG_WAITALL);
  io_uring_sqe_set_data64(sqe, (uintptr_t)c | step_send);
}

static void add_connection(struct io_uring* ring, int fd) {
  echo_no_delay(fd);
  struct connection* c = malloc(sizeof *c);
  if (c == NULL) echo_fail("malloc", ENOMEM);
  c->fd = fd;
  submit_receive(ring, c);
}

static void complete(struct io_uring* ring, int listener, const struct io_uring_cqe* cqe) {
  struct connection* c = (struct connection*)(uintptr_t)(cqe->user_data & ~(uint64_t)1);
  if (c == NULL) {
    if (cqe->res < 0 && cqe->res != -ECONNABORTED) echo_fail("accept", -cqe->res);
    if (cqe->res >= 0) add_connection(ring, cqe->res);
    if (!(cqe->flags & IORING_CQE_F_MORE)) submit_accept(ring, listener);
  } else if (cqe->res <= 0) {
    close(c->fd);  // nothing else of this connection is in flight
    free(c);
  } else if ((cqe->user_data & 1) == step_receive) {
    submit_send(ring, c, (unsigned)cqe->res);
  } else {
    submit_receive(ring, c);
  }
}

static void reap(struct io_uring* ring, int listener) {
  unsigned head;
  unsigned seen = 0;
  struct io_uring_cqe* cqe;
  io_uring_for_each_cqe(ring, head, cqe) {
    complete(ring, listener, cqe);
    seen++;
  }
  io_uring_cq_advance(ring, seen);
}

static void create_ring(struct io_uring* ring) {
  struct io_uring_params params = {
      .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
               IORING_SETUP_CQSIZE,
      .cq_entries = cq_entries,
  };
  int error = io_uring_queue_init_params(sq_entries, ring, &params);
  if (error < 0) echo_fail("io_uring_queue_init_params", -error);
  error = io_uring_register_ring_fd(ring);
  if (error < 0) echo_fail("io_uring_register_ring_fd", -error);
}

int main(int argc, char** argv) {
  struct echo_options options = echo_parse_options(argc, argv);
  int listener = echo_listen(&options);
  struct io_uring ring;
  create_ring(&ring);
  submit_accept(&ring, listener);
  echo_announce(listener);

  for (;;) {
    int n =
        options.spin ? io_uring_submit_and_get_events(&ring) : io_uring_submit_and_wait(&ring, 1);
    if (n < 0 && n != -EINTR) echo_fail("io_uring_enter", -n);
    reap(&ring, listener);
  }
}
