#include "gyre/examples/http/send_file.h"

#include <algorithm>

#include "gyre/examples/http/steady_write.h"
#include "gyre/io/splice_ops.h"

namespace http {
namespace {

/// Moves what is in the pipe to the socket: `size` bytes, after which more may follow.
gyre::task<gyre::result<void>> empty_pipe(file_transfer& through, gyre::pipe& pipe,
                                          gyre::tcp_stream& to, std::uint64_t size, bool more) {
  while (size > 0) {
    const auto splice = [&] {
      return gyre::op::splice_to_socket(pipe.read_end, to.socket(), size, more);
    };
    const auto sent = co_await write_steadily(to, splice, through.write_time);
    if (!sent) co_return sent.error();
    if (*sent == 0) co_return std::errc::io_error;
    size -= *sent;
    through.counters.sent_bytes += *sent;
    through.counters.spliced_bytes += *sent;
  }
  co_return gyre::result<void>();
}

gyre::task<gyre::result<void>> splice_file(file_transfer& through, gyre::pipe& pipe,
                                           gyre::tcp_stream& to, gyre::file& from,
                                           byte_range part) {
  while (part.size > 0) {
    const auto filled =
        co_await gyre::op::splice_from_file(from.opened(), part.first, pipe.write_end,
                                            std::min<std::uint64_t>(part.size, pipe.capacity()));
    if (!filled) co_return filled.error();
    if (*filled == 0) co_return std::errc::io_error;
    part.first += *filled;
    part.size -= *filled;
    auto emptied = co_await empty_pipe(through, pipe, to, *filled, part.size > 0);
    if (!emptied) co_return emptied;
  }
  co_return gyre::result<void>();
}

gyre::task<gyre::result<void>> copy_file(file_transfer& through, gyre::tcp_stream& to,
                                         gyre::file& from, byte_range part) {
  const auto block = through.blocks.large.take();
  while (part.size > 0) {
    const auto space = std::as_writable_bytes(block.bytes());
    const auto piece = space.first(std::min<std::uint64_t>(part.size, space.size()));
    const auto got = co_await from.read_at(piece, part.first);
    if (!got) co_return got.error();
    if (*got == 0) co_return std::errc::io_error;
    for (auto rest = piece.first(*got); !rest.empty();) {
      const auto write = [&] { return to.write_some(rest); };
      const auto sent = co_await write_steadily(to, write, through.write_time);
      if (!sent) co_return sent.error();
      rest = rest.subspan(*sent);
      through.counters.sent_bytes += *sent;
    }
    part.first += *got;
    part.size -= *got;
  }
  co_return gyre::result<void>();
}

}  // namespace

gyre::task<gyre::result<void>> send_file(file_transfer& through, gyre::tcp_stream& to,
                                         gyre::file& from, byte_range part) {
  auto pipe = through.pipes.take();
  if (!pipe) co_return co_await copy_file(through, to, from, part);
  if (auto allowed = to.allow_splice(true); !allowed) co_return allowed;
  auto sent = co_await splice_file(through, **pipe, to, from, part);
  if (!sent) co_return sent;  // the pipe may still hold something, and is closed
  pipe->give_back();
  co_return to.allow_splice(false);
}

}  // namespace http
