#include "gyre/tests/kv/client.h"

#include <charconv>

namespace kv {

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

std::string command(const std::vector<std::string>& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& each : words) bytes += bulk(each);
  return bytes;
}

std::string bulk(std::string_view bytes) {
  return "$" + std::to_string(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n";
}

}  // namespace kv
