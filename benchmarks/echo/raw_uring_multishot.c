// For comparison only: io_uring with multishot receives into a buffer ring that all connections
// share, so that a receive costs no submission and an idle connection no buffer.
//
//   raw_uring_multishot --port 9000
//
// A connection has one send in flight; what it receives meanwhile waits in its queue of buffers.
#include <errno.h>
#include <liburing.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gyre/benchmarks/echo/listener.h"

enum {
  sq_entries = 1024,
  cq_entries = 16384,
  buffers_max = 4096,  // a power of two
  no_buffer = -1,
};

// What a completion belongs to: the connection's address, and this in its low bits.
enum step { step_receive = 0, step_send = 1 };

struct connection {
  int fd;
  int first, last;  // queue of buffers; the first is being sent
  bool receiving;   // a receive is armed
  bool ended;       // nothing more will be received
  struct connection* next_starved;
};

static struct io_uring ring;
static struct io_uring_buf_ring* buffer_ring;
static char* buffers;
static int next_buffer[buffers_max];
static unsigned length_of[buffers_max];
static struct connection* starved;

static struct io_uring_sqe* next_sqe(void) {
  struct io_uring_sqe* sqe = io_uring_get_sqe(&ring);
  while (sqe == NULL) {
    int n = io_uring_submit(&ring);
    if (n < 0) echo_fail("io_uring_submit", -n);
    sqe = io_uring_get_sqe(&ring);
  }
  return sqe;
}

static void return_buffer(int id) {
  io_uring_buf_ring_add(buffer_ring, buffers + (size_t)id * echo_buffer_size, echo_buffer_size,
                        (unsigned short)id, io_uring_buf_ring_mask(buffers_max), 0);
  io_uring_buf_ring_advance(buffer_ring, 1);
}

static void submit_accept(int listener) {
  struct io_uring_sqe* sqe = next_sqe();
  io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
  io_uring_sqe_set_data64(sqe, 0);
}

static void submit_receive(struct connection* c) {
  struct io_uring_sqe* sqe = next_sqe();
  io_uring_prep_recv_multishot(sqe, c->fd, NULL, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = 0;
  io_uring_sqe_set_data64(sqe, (uintptr_t)c | step_receive);
  c->receiving = true;
}

static void submit_send(struct connection* c) {
  struct io_uring_sqe* sqe = next_sqe();
  io_uring_prep_send(sqe, c->fd, buffers + (size_t)c->first * echo_buffer_size, length_of[c->first],
                     MSG_NOSIGNAL | MSG_WAITALL);
  io_uring_sqe_set_data64(sqe, (uintptr_t)c | step_send);
}

static void release_when_done(struct connection* c) {
  if (!c->ended || c->receiving || c->first != no_buffer) return;
  close(c->fd);
  free(c);
}

static void add_connection(int fd) {
  echo_no_delay(fd);
  struct connection* c = calloc(1, sizeof *c);
  if (c == NULL) echo_fail("calloc", ENOMEM);
  c->fd = fd;
  c->first = c->last = no_buffer;
  submit_receive(c);
}

static void received(struct connection* c, const struct io_uring_cqe* cqe) {
  if (!(cqe->flags & IORING_CQE_F_MORE)) c->receiving = false;
  if (cqe->flags & IORING_CQE_F_BUFFER) {
    int id = (int)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
    if (cqe->res <= 0 || c->ended) {
      return_buffer(id);
    } else {
      next_buffer[id] = no_buffer;
      length_of[id] = (unsigned)cqe->res;
      if (c->first == no_buffer) {
        c->first = c->last = id;
        submit_send(c);
      } else {
        next_buffer[c->last] = id;
        c->last = id;
      }
    }
  }
  if (cqe->res <= 0 && cqe->res != -ENOBUFS) c->ended = true;
  if (!c->receiving && !c->ended) {
    c->next_starved = starved;
    starved = c;
  }
  release_when_done(c);
}

static void sent(struct connection* c, int res) {
  if (res <= 0 && !c->ended) {
    c->ended = true;
    shutdown(c->fd, SHUT_RDWR);  // ends the armed receive
  }
  int id = c->first;
  c->first = next_buffer[id];
  return_buffer(id);
  if (c->first != no_buffer) submit_send(c);
  release_when_done(c);
}

static void complete(int listener, const struct io_uring_cqe* cqe) {
  struct connection* c = (struct connection*)(uintptr_t)(cqe->user_data & ~(uint64_t)1);
  if (c != NULL) {
    if ((cqe->user_data & 1) == step_send) {
      sent(c, cqe->res);
    } else {
      received(c, cqe);
    }
    return;
  }
  if (cqe->res < 0 && cqe->res != -ECONNABORTED) echo_fail("accept", -cqe->res);
  if (cqe->res >= 0) add_connection(cqe->res);
  if (!(cqe->flags & IORING_CQE_F_MORE)) submit_accept(listener);
}

static void reap(int listener) {
  unsigned head;
  unsigned seen = 0;
  struct io_uring_cqe* cqe;
  io_uring_for_each_cqe(&ring, head, cqe) {
    complete(listener, cqe);
    seen++;
  }
  io_uring_cq_advance(&ring, seen);
  while (starved != NULL) {
    struct connection* c = starved;
    starved = c->next_starved;
    if (!c->ended) submit_receive(c);
  }
}

static void create_ring(void) {
  struct io_uring_params params = {
      .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
               IORING_SETUP_CQSIZE,
      .cq_entries = cq_entries,
  };
  int error = io_uring_queue_init_params(sq_entries, &ring, &params);
  if (error < 0) echo_fail("io_uring_queue_init_params", -error);
  error = io_uring_register_ring_fd(&ring);
  if (error < 0) echo_fail("io_uring_register_ring_fd", -error);
}

static void create_buffers(void) {
  size_t ring_size = buffers_max * sizeof(struct io_uring_buf);
  size_t size = ring_size + (size_t)buffers_max * echo_buffer_size;
  char* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) echo_fail("mmap", errno);
  buffer_ring = (struct io_uring_buf_ring*)(void*)memory;
  buffers = memory + ring_size;
  struct io_uring_buf_reg registration = {
      .ring_addr = (uintptr_t)memory, .ring_entries = buffers_max, .bgid = 0};
  int error = io_uring_register_buf_ring(&ring, &registration, 0);
  if (error < 0) echo_fail("io_uring_register_buf_ring", -error);
  io_uring_buf_ring_init(buffer_ring);
  for (int id = 0; id < buffers_max; id++) return_buffer(id);
}

int main(int argc, char** argv) {
  struct echo_options options = echo_parse_options(argc, argv);
  int listener = echo_listen(&options);
  create_ring();
  create_buffers();
  submit_accept(listener);
  echo_announce(listener);

  for (;;) {
    int n =
        options.spin ? io_uring_submit_and_get_events(&ring) : io_uring_submit_and_wait(&ring, 1);
    if (n < 0 && n != -EINTR) echo_fail("io_uring_enter", -n);
    reap(listener);
  }
}
