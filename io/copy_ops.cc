#include "gyre/io/copy_ops.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>

#include "gyre/io/system_call.h"

namespace gyre::op {
namespace {

unsigned clamp(std::size_t size) noexcept {
  return static_cast<unsigned>(std::min<std::size_t>(size, transfer_max));
}

constexpr unsigned splice_flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

}  // namespace

constinit const operation_kind copy_file_range::kind("copy_file_range", "copy_file_range(2)",
                                                     awaited_thing::device, ring_policy::offload);
copy_file_range::copy_file_range(descriptor& source, std::uint64_t source_offset, descriptor& sink,
                                 std::uint64_t sink_offset, std::size_t most) noexcept
    : operation(kind, source.users(), sink.users()),
      source_(source.number()),
      source_offset_(position(source_offset)),
      sink_(sink.number()),
      sink_offset_(position(sink_offset)),
      most_(clamp(most)) {}
int copy_file_range::perform() noexcept {
  return system_call([this] {
    off64_t from = source_offset_;
    off64_t to = sink_offset_;
    return ::copy_file_range(source_, &from, sink_, &to, most_, 0);
  });
}

constinit const operation_kind splice_from_stream::kind("splice_from_stream", "splice(2)",
                                                        awaited_thing::reading,
                                                        ring_policy::perform);
splice_from_stream::splice_from_stream(descriptor& source, descriptor& pipe,
                                       std::size_t most) noexcept
    : operation(kind, source.users(), pipe.users()),
      source_(source.number()),
      pipe_(pipe.number()),
      most_(clamp(most)) {}
// SPLICE_F_NONBLOCK is about the pipe: a TCP socket that is not O_NONBLOCK would block all the
// same.
int splice_from_stream::perform() noexcept {
  if (source_ < 0) return -EBADF;
  if (!is_ready(source_, POLLIN)) return -EAGAIN;
  const auto splice = [this] {
    return ::splice(source_, nullptr, pipe_, nullptr, most_, splice_flags);
  };
  const int first = system_call(splice);
  if (first != -EAGAIN) return first;
  // Only the source can be waited for: a full pipe, or what is there and can't be spliced, would be
  // tried again and again.
  if (!is_ready(pipe_, POLLOUT)) return -ENOBUFS;
  if (!is_ready(source_, POLLIN)) return -EAGAIN;
  const int second = system_call(splice);  // the pipe may have got room since
  return second == -EAGAIN ? -ENOMSG : second;
}
readiness splice_from_stream::ready_when() const noexcept {
  return {source_, POLLIN};
}

constinit const operation_kind splice_to_file::kind("splice_to_file", "splice(2)",
                                                    awaited_thing::device, ring_policy::offload);
splice_to_file::splice_to_file(descriptor& pipe, descriptor& file, std::uint64_t offset,
                               std::size_t most) noexcept
    : operation(kind, pipe.users(), file.users()),
      pipe_(pipe.number()),
      file_(file.number()),
      offset_(position(offset)),
      most_(clamp(most)) {}
int splice_to_file::perform() noexcept {
  const int answer = system_call([this] {
    off64_t offset = offset_;
    return ::splice(pipe_, nullptr, file_, &offset, most_, splice_flags);
  });
  return answer == -EAGAIN ? -ENODATA : answer;
}

std::span<const operation_kind* const> copy_operations() noexcept {
  static constexpr const operation_kind* all[] = {&copy_file_range::kind, &splice_from_stream::kind,
                                                  &splice_to_file::kind};
  return all;
}

}  // namespace gyre::op
