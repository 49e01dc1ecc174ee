#include "gyre/tests/http/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>

namespace http {
namespace {

answer parse_head(std::string_view head) {
  answer made;
  std::from_chars(head.data() + sizeof "HTTP/1.1", head.data() + head.size(), made.status);
  std::size_t line_begin = head.find("\r\n") + 2;
  while (line_begin < head.size()) {
    const std::size_t line_end = head.find("\r\n", line_begin);
    const std::string_view line = head.substr(line_begin, line_end - line_begin);
    const std::size_t colon = line.find(": ");
    std::string name(line.substr(0, colon));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (colon != std::string_view::npos) made.fields[name] = line.substr(colon + 2);
    line_begin = line_end + 2;
  }
  return made;
}

std::uint64_t length_of(const answer& head) {
  const std::string length = head.field("content-length");
  std::uint64_t size = 0;
  std::from_chars(length.data(), length.data() + length.size(), size);
  return size;
}

}  // namespace

std::string answer::field(const std::string& name) const {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string() : found->second;
}

answer client::receive_head() {
  std::size_t head_end = std::string::npos;
  while ((head_end = received_.find("\r\n\r\n")) == std::string::npos)
    if (!receive_more()) return {};
  answer made = parse_head(std::string_view(received_).substr(0, head_end + 2));
  received_.erase(0, head_end + 4);
  return made;
}

answer client::receive(bool head_only) {
  answer made = receive_head();
  const std::uint64_t size = head_only ? 0 : length_of(made);
  while (received_.size() < size && receive_more()) continue;
  made.complete = received_.size() >= size;
  made.body = received_.substr(0, size);
  received_.erase(0, size);
  return made;
}

bool client::receive_streaming(const std::function<void(std::string_view)>& take) {
  std::uint64_t left = length_of(receive_head());
  while (left > 0) {
    if (received_.empty() && !receive_more()) return false;
    const std::string_view piece = std::string_view(received_).substr(0, left);
    take(piece);
    left -= piece.size();
    received_.erase(0, piece.size());
  }
  return true;
}

std::string client::receive_all() {
  while (receive_more()) continue;
  return std::exchange(received_, {});
}

bool client::is_closed() {
  std::array<char, 1> byte;
  errno = 0;
  const ssize_t count = recv(fd_, byte.data(), byte.size(), 0);
  return received_.empty() && (count == 0 || (count < 0 && errno == ECONNRESET));
}

bool client::hears_within(std::chrono::milliseconds time) const {
  pollfd readable = {fd_, POLLIN, 0};
  return poll(&readable, 1, static_cast<int>(time.count())) > 0;
}

void client::reset() {
  const linger at_once = {1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(std::exchange(fd_, -1));
}

void client::shrink_receive_buffer(int bytes) {
  setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

answer get(std::uint16_t port, std::string_view target, std::string_view fields,
           std::string_view method) {
  client connection(port);
  connection.send(std::string(method) + " " + std::string(target) +
                  " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n" + std::string(fields) +
                  "\r\n");
  return connection.receive(method == "HEAD");
}

}  // namespace http
