#include "gyre/tests/examples/loopback_connection.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace examples {

loopback_connection::loopback_connection(std::uint16_t port, int receive_buffer)
    : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval patience = {60, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (receive_buffer > 0)
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::system_error(errno, std::generic_category(), "connect");
}

loopback_connection::~loopback_connection() {
  if (fd_ >= 0) close(fd_);
}

bool loopback_connection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void loopback_connection::half_close() {
  shutdown(fd_, SHUT_WR);
}

bool loopback_connection::receive_more() {
  std::array<char, 65536> buffer;
  const ssize_t count = recv(fd_, buffer.data(), buffer.size(), 0);
  if (count <= 0) return false;
  received_.append(buffer.data(), static_cast<std::size_t>(count));
  return true;
}

std::string loopback_connection::take(std::size_t size) {
  while (received_.size() < size)
    if (!receive_more()) return {};
  const std::string taken = received_.substr(0, size);
  received_.erase(0, size);
  return taken;
}

std::string loopback_connection::take_line() {
  std::size_t end = received_.find('\n');
  while (end == std::string::npos) {
    if (!receive_more()) return {};
    end = received_.find('\n');
  }
  return take(end + 1);
}

}  // namespace examples
