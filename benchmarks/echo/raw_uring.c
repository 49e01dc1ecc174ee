// The limit of completion-based I/O with one request per receive and per send: io_uring through
// liburing, one thread, in C.
//
//   raw_uring --port 9000
//
// One system call a turn submits what the last batch of completions asked for and waits for the
// next one. Task work is deferred to that call, the ring's descriptor is registered.
#include <errno.h>
#include <liburing.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gyre/benchmarks/echo/listener.h"
#ifndef SQ
#define SQ 4096
#endif
#ifndef CQ
#define CQ 16384
#endif
#ifndef LINKED
#define LINKED 0
#endif
#ifndef POLLFIRST
#define POLLFIRST 0
#endif
#ifndef FIXED
#define FIXED 0
#endif

enum { sq_entries = SQ, cq_entries = CQ };

// What a completion belongs to: the connection's address, and this in its low bits.
enum step { step_receive = 0, step_send = 1, step_ignore=2 };

struct connection {
  int fd;
  char buffer[echo_buffer_size];
};

static struct io_uring_sqe* next_sqe(struct io_uring* ring) {
  struct io_uring_sqe* sqe = io_uring_get_sqe(ring);
  if (sqe != NULL) return sqe;
  int n = io_uring_submit(ring);
  if (n < 0) echo_fail("io_uring_submit", -n);
  sqe = io_uring_get_sqe(ring);
  if (sqe == NULL) echo_fail("io_uring_get_sqe", EBUSY);
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
  if (POLLFIRST) sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
  io_uring_sqe_set_data64(sqe, (uintptr_t)c | step_receive);
}

static void submit_send(struct io_uring* ring, struct connection* c, unsigned size) {
  struct io_uring_sqe* sqe;
  if (LINKED && io_uring_sq_space_left(ring) < 2) io_uring_submit(ring);
  sqe = next_sqe(ring);
  io_uring_prep_send(sqe, c->fd, c->buffer, size, MSG_NOSIGNAL | MSG_WAITALL);
  io_uring_sqe_set_data64(sqe, (uintptr_t)c | (LINKED ? step_ignore : step_send));
  if (LINKED) sqe->flags |= IOSQE_IO_LINK | (LINKED > 1 ? IOSQE_CQE_SKIP_SUCCESS : 0);
  if (LINKED) submit_receive(ring, c);
}

static void add_connection(struct io_uring* ring, int fd) {
  echo_no_delay(fd);
  struct connection* c = malloc(sizeof *c);
  if (c == NULL) echo_fail("malloc", ENOMEM);
  c->fd = fd;
  submit_receive(ring, c);
}

static void complete(struct io_uring* ring, int listener, const struct io_uring_cqe* cqe) {
  if (cqe->user_data == 0) {
    if (cqe->res < 0 && cqe->res != -ECONNABORTED) echo_fail("accept", -cqe->res);
    if (cqe->res >= 0) add_connection(ring, cqe->res);
    if (!(cqe->flags & IORING_CQE_F_MORE)) submit_accept(ring, listener);
    return;
  }
  struct connection* c = (struct connection*)(uintptr_t)(cqe->user_data & ~(uint64_t)3);
  if ((cqe->user_data & 3) == step_ignore) return;
  if (cqe->res <= 0) {
    close(c->fd);
    free(c);
  } else if ((cqe->user_data & 3) == step_receive) {
    submit_send(ring, c, (unsigned)cqe->res);
  } else {
    submit_receive(ring, c);
  }
}

static void create_ring(struct io_uring* ring) {
  struct io_uring_params params = {
      .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
               IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
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
    int n = options.spin ? io_uring_submit_and_get_events(&ring) : io_uring_submit_and_wait(&ring, 1);
    if (n < 0 && n != -EINTR) echo_fail("io_uring_enter", -n);
    unsigned head;
    unsigned seen = 0;
    struct io_uring_cqe* cqe;
    io_uring_for_each_cqe(&ring, head, cqe) {
      complete(&ring, listener, cqe);
      seen++;
    }
    io_uring_cq_advance(&ring, seen);
  }
}
