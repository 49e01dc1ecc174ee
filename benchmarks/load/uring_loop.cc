// io_uring: multishot receive into a buffer ring, one send at a time per connection. A load
// generator that costs less per message than the servers keeps them busy from one core.
#include <liburing.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "gyre/benchmarks/load/clock.h"
#include "gyre/benchmarks/load/loop.h"

namespace gyre::load {
namespace {

constexpr unsigned sq_entries = 4096;
constexpr unsigned cq_entries = 32768;
constexpr int buffer_group = 0;
constexpr std::uint64_t tick_ns = 10'000'000;  // how late an idle loop may look at the time

enum class step : std::uint8_t { connect, receive, send, tick };

// What a completion belongs to. The generation tells a connection from its predecessor, whose
// last completions may still come.
std::uint64_t tag(step s, const connection& c) {
  return std::uint64_t{c.index} << 32 | (c.generation & 0xffffff) << 8 |
         static_cast<std::uint64_t>(s);
}

// The buffers that received bytes land in, lent to the kernel and taken back by the batch.
class buffer_ring {
 public:
  // Empty: registered.
  std::string open(io_uring& ring, const options& o) {
    const auto connections = static_cast<unsigned>(o.connections);
    count_ = std::clamp(std::bit_ceil(2 * connections), 64u, 4096u);
    size_ = std::clamp<std::size_t>(o.mode == mode::echo ? o.size : 16384, 2048, 32768);
    ring_bytes_ = count_ * sizeof(io_uring_buf);
    void* memory =
        mmap(nullptr, ring_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return std::string("no buffer ring: ") + std::strerror(errno);
    buffers_ = static_cast<io_uring_buf_ring*>(memory);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
    registration.ring_entries = count_;
    registration.bgid = buffer_group;
    const int error = io_uring_register_buf_ring(&ring, &registration, 0);
    if (error < 0) return std::string("no buffer ring: ") + std::strerror(-error);
    io_uring_buf_ring_init(buffers_);
    bytes_.resize(count_ * size_);
    for (unsigned i = 0; i < count_; i++) give_back(i);
    publish();
    return {};
  }

  buffer_ring() = default;
  buffer_ring(const buffer_ring&) = delete;
  buffer_ring& operator=(const buffer_ring&) = delete;
  ~buffer_ring() {
    if (buffers_ != nullptr) munmap(buffers_, ring_bytes_);
  }

  std::span<const char> bytes(unsigned id, std::size_t size) const {
    return {bytes_.data() + id * size_, size};
  }

  void give_back(unsigned id) {
    io_uring_buf_ring_add(buffers_, bytes_.data() + id * size_, static_cast<unsigned>(size_),
                          static_cast<unsigned short>(id), io_uring_buf_ring_mask(count_),
                          static_cast<int>(given_back_++));
  }

  void publish() {
    if (given_back_ > 0) io_uring_buf_ring_advance(buffers_, static_cast<int>(given_back_));
    given_back_ = 0;
  }

 private:
  io_uring_buf_ring* buffers_ = nullptr;
  std::size_t ring_bytes_ = 0;
  unsigned count_ = 0;
  std::size_t size_ = 0;
  unsigned given_back_ = 0;
  std::vector<char> bytes_;
};

class uring_loop {
 public:
  explicit uring_loop(session& s) : session_(s) {}
  uring_loop(const uring_loop&) = delete;
  uring_loop& operator=(const uring_loop&) = delete;

  // The descriptors are shut down first, so that nothing is in flight when the buffers go.
  ~uring_loop() {
    if (!open_) return;
    for (const connection& c : session_.connections()) {
      if (c.fd >= 0) shutdown(c.fd, SHUT_RDWR);
    }
    io_uring_get_events(&ring_);
    io_uring_queue_exit(&ring_);
  }

  std::string open() {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                   IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    params.cq_entries = cq_entries;
    const int error = io_uring_queue_init_params(sq_entries, &ring_, &params);
    if (error < 0) return std::string("no io_uring: ") + std::strerror(-error);
    open_ = true;
    io_uring_register_ring_fd(&ring_);  // only spares some nanoseconds: without it, it works too
    return buffers_.open(ring_, session_.opts());
  }

  void run() {
    submit_tick();
    while (!session_.over(now_ns())) {
      while (connection* c = session_.next_to_connect()) submit_connect(*c);
      const int n = session_.opts().spin ? io_uring_submit_and_get_events(&ring_)
                                         : io_uring_submit_and_wait(&ring_, 1);
      if (n < 0 && n != -EINTR && n != -EBUSY && n != -EAGAIN) {
        session_.fatal("io_uring_enter", -n);
        return;
      }
      reap();
    }
  }

 private:
  void reap() {
    unsigned head;
    unsigned seen = 0;
    io_uring_cqe* cqe;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      complete(*cqe);
      seen++;
    }
    io_uring_cq_advance(&ring_, seen);
    buffers_.publish();
    for (connection* c : starved_) {
      if (c->fd >= 0) submit_receive(*c);
    }
    starved_.clear();
  }

  void complete(const io_uring_cqe& cqe) {
    const auto what = static_cast<step>(cqe.user_data & 0xff);
    if (what == step::tick) return submit_tick();
    connection& c = session_.connections()[cqe.user_data >> 32];
    const bool current = c.fd >= 0 && tag(what, c) == cqe.user_data;
    switch (what) {
      case step::connect:
        if (current) connected(c, cqe.res);
        break;
      case step::receive:
        received(c, cqe, current);
        break;
      case step::send:
        if (current) sent(c, cqe.res);
        break;
      case step::tick:
        break;
    }
  }

  void connected(connection& c, int res) {
    if (res < 0) return give_up(c, "connect", -res);
    submit_receive(c);
    send_due(c, now_ns());
  }

  void received(connection& c, const io_uring_cqe& cqe, bool current) {
    if (current && cqe.res > 0) {
      const std::uint64_t now = now_ns();
      const unsigned id = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
      if (!session_.received(c, buffers_.bytes(id, static_cast<std::size_t>(cqe.res)), now)) {
        shut(c);
      } else {
        if (c.unsent.empty()) send_due(c, now);
        if ((cqe.flags & IORING_CQE_F_MORE) == 0) starved_.push_back(&c);
      }
    } else if (current && cqe.res == -ENOBUFS) {
      starved_.push_back(&c);
    } else if (current) {
      give_up(c, "receive", -cqe.res);
    }
    if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) {
      buffers_.give_back(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
    }
  }

  void sent(connection& c, int res) {
    if (res < 0) return give_up(c, "send", -res);
    c.unsent = c.unsent.subspan(static_cast<std::size_t>(res));
    send_due(c, now_ns());
  }

  void send_due(connection& c, std::uint64_t now) {
    if (c.unsent.empty()) c.unsent = session_.next(c, now);
    if (c.unsent.empty()) return;
    io_uring_sqe* sqe = next_sqe();
    io_uring_prep_send(sqe, c.fd, c.unsent.data(), c.unsent.size(), MSG_NOSIGNAL | MSG_WAITALL);
    io_uring_sqe_set_data64(sqe, tag(step::send, c));
  }

  void submit_connect(connection& c) {
    const options& o = session_.opts();
    io_uring_sqe* sqe = next_sqe();
    io_uring_prep_connect(sqe, c.fd, reinterpret_cast<const sockaddr*>(&o.address), o.address_size);
    io_uring_sqe_set_data64(sqe, tag(step::connect, c));
  }

  void submit_receive(connection& c) {
    io_uring_sqe* sqe = next_sqe();
    io_uring_prep_recv_multishot(sqe, c.fd, nullptr, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = buffer_group;
    io_uring_sqe_set_data64(sqe, tag(step::receive, c));
  }

  void submit_tick() {
    tick_.tv_nsec = tick_ns;
    io_uring_sqe* sqe = next_sqe();
    io_uring_prep_timeout(sqe, &tick_, 0, 0);
    io_uring_sqe_set_data64(sqe, static_cast<std::uint64_t>(step::tick));
  }

  io_uring_sqe* next_sqe() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    while (sqe == nullptr) {
      io_uring_submit(&ring_);
      sqe = io_uring_get_sqe(&ring_);
    }
    return sqe;
  }

  void give_up(connection& c, const char* what, int error) {
    session_.failed(c, what, error);
    shut(c);
  }

  // Ends what the kernel still does on the socket before its number can mean another one.
  void shut(connection& c) {
    shutdown(c.fd, SHUT_RDWR);
    session_.disconnect(c);
  }

  session& session_;
  io_uring ring_{};
  bool open_ = false;
  buffer_ring buffers_;
  std::vector<connection*> starved_;  // to receive again once buffers are back
  __kernel_timespec tick_{};
};

}  // namespace

std::string run_on_uring(session& s) {
  uring_loop loop(s);
  const std::string why = loop.open();
  if (!why.empty()) return why;
  s.outcome().loop = "uring";
  loop.run();
  return {};
}

}  // namespace gyre::load
