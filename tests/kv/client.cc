#include "gyre/tests/kv/client.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>

namespace kv {

client::client(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval patience = {60, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::system_error(errno, std::generic_category(), "connect");
}

client::~client() {
  close(fd_);
}

bool client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool client::receive_more() {
  std::array<char, 65536> buffer;
  const ssize_t count = recv(fd_, buffer.data(), buffer.size(), 0);
  if (count <= 0) return false;
  received_.append(buffer.data(), static_cast<std::size_t>(count));
  return true;
}

/// The next `size` bytes, or "" when they don't come.
std::string client::take(std::size_t size) {
  while (received_.size() < size)
    if (!receive_more()) return {};
  const std::string taken = received_.substr(0, size);
  received_.erase(0, size);
  return taken;
}

std::string client::take_line() {
  std::size_t end = received_.find('\n');
  while (end == std::string::npos) {
    if (!receive_more()) return {};
    end = received_.find('\n');
  }
  return take(end + 1);
}

std::string client::receive() {
  std::string reply = take_line();
  if (reply.empty() || (reply[0] != '$' && reply[0] != '*')) return reply;
  long size = 0;
  std::from_chars(reply.data() + 1, reply.data() + reply.size(), size);
  if (reply[0] == '$') return size < 0 ? reply : reply + take(static_cast<std::size_t>(size) + 2);
  for (long element = 0; element < size; ++element) reply += receive();
  return reply;
}

std::string client::ask(const std::vector<std::string>& words) {
  send(command(words));
  return receive();
}

void client::half_close() {
  shutdown(fd_, SHUT_WR);
}

std::string command(const std::vector<std::string>& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& each : words) bytes += bulk(each);
  return bytes;
}

std::string bulk(std::string_view bytes) {
  return "$" + std::to_string(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n";
}

}  // namespace kv
