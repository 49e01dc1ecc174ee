// The part of an exchange that answers with files.
#include <array>
#include <charconv>
#include <vector>

#include "gyre/examples/http/exchange.h"

namespace http {
namespace {

// A file that is no larger is read behind its head and sent with it in one write; from there on
// moving pages through a pipe is cheaper than copying them.
constexpr std::uint64_t read_max = 16 << 10;

/// What separates the parts of an answer, and can't be foreseen by who wrote the file.
std::string make_boundary(std::mt19937_64& random) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), random(), 16).ptr;
  return "gyre-" + std::string(digits.data(), end);
}

std::string part_head(std::string_view boundary, std::string_view type, const byte_range& part,
                      std::uint64_t full_size) {
  const std::string last = std::to_string(part.first + part.size - 1);
  return "\r\n--" + std::string(boundary) + "\r\nContent-Type: " + std::string(type) +
         "\r\nContent-Range: bytes " + std::to_string(part.first) + "-" + last + "/" +
         std::to_string(full_size) + "\r\n\r\n";
}

}  // namespace

gyre::task<gyre::result<void>> exchange::answer_file(const request& request, found& file) {
  const std::uint64_t size = file.about->size();
  const validators version(size, file.about->modified_seconds(),
                           file.about->modified_nanoseconds());
  response_head answer = head(status::ok, home_.types.of(file.name));
  answer.entity_tag = version.entity_tag();
  answer.last_modified = version.last_modified();
  answer.full_size = size;

  switch (evaluate_preconditions(request, version)) {
    case preconditions::met:
      break;
    case preconditions::failed:
      co_return co_await send_status(status::precondition_failed);
    case preconditions::not_modified:
      answer.status = status::not_modified;
      answer.content_type = {};
      co_return co_await send(answer, {});
  }

  const bool ranged = !head_only_ && range_applies(request, version);
  const byte_ranges ranges(ranged ? request.range : std::string_view(), size);
  if (ranges.verdict() == byte_ranges::verdict::unsatisfiable) {
    answer.status = status::range_not_satisfiable;
    answer.content_type = "text/plain; charset=utf-8";
    co_return co_await send(answer, "The range lies behind the end of the file\n");
  }
  if (ranges.verdict() == byte_ranges::verdict::ignore)
    co_return co_await send_whole(answer, *file.opened, byte_range(0, size));
  answer.status = status::partial_content;
  if (ranges.parts().size() > 1) co_return co_await send_parts(answer, *file.opened, ranges);
  answer.range = ranges.parts().front();
  co_return co_await send_whole(answer, *file.opened, *answer.range);
}

/// Sends the head and that part of the file behind it.
gyre::task<gyre::result<void>> exchange::send_whole(response_head head, gyre::file& file,
                                                    byte_range part) {
  head.content_length = part.size;
  const bool small = part.size <= read_max && !head_only_;
  auto room = co_await make_room(head_size_max(head) + (small ? part.size : 0));
  if (!room) co_return room;
  const std::size_t before = out_.size();
  put_head(head);
  if (head_only_) co_return gyre::result<void>();
  auto sent = co_await send_bytes(file, part);
  if (sent || !small) co_return sent;
  // The file could not be read, or has become shorter than the head says; but nothing of this
  // answer has been sent yet.
  out_.truncate(before);
  --home_.counters.answers[code(head.status) / 100];
  keep_alive_ = false;
  co_return co_await send_status(status::internal_server_error);
}

/// Sends several ranges as one multipart/byteranges body (RFC 9110, section 14.6).
gyre::task<gyre::result<void>> exchange::send_parts(response_head head, gyre::file& file,
                                                    const byte_ranges& ranges) {
  const std::string boundary = make_boundary(home_.random);
  const std::string type = "multipart/byteranges; boundary=" + boundary;
  const std::string end = "\r\n--" + boundary + "--\r\n";
  std::vector<std::string> heads;
  head.content_length = end.size();
  for (const byte_range& part : ranges.parts()) {
    heads.push_back(part_head(boundary, head.content_type, part, head.full_size));
    head.content_length += heads.back().size() + part.size;
  }
  head.content_type = type;

  auto outcome = co_await make_room(head_size_max(head));
  if (!outcome) co_return outcome;
  put_head(head);
  for (std::size_t i = 0; i < heads.size(); ++i) {
    outcome = co_await make_room(heads[i].size());
    if (!outcome) co_return outcome;
    out_.append(heads[i]);
    outcome = co_await send_bytes(file, ranges.parts()[i]);
    if (!outcome) co_return outcome;
  }
  outcome = co_await make_room(end.size());
  if (!outcome) co_return outcome;
  out_.append(end);
  co_return outcome;
}

/// Puts a small part into the output, and sends a large one at once. `io_error` when the file ends
/// before the part does.
gyre::task<gyre::result<void>> exchange::send_bytes(gyre::file& file, byte_range part) {
  if (part.size > read_max) {
    auto flushed = co_await flush();
    if (!flushed) co_return flushed;
    co_return co_await send_file(files_, stream_, file, part);
  }
  auto room = co_await make_room(part.size);
  if (!room) co_return room;
  const auto got = co_await file.read_at(out_.claim(part.size), part.first);
  if (!got) co_return got.error();
  if (*got < part.size) co_return std::errc::io_error;
  co_return gyre::result<void>();
}

}  // namespace http
