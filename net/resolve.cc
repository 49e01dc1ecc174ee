#include "gyre/net/resolve.h"

#include <netdb.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <utility>

#include "gyre/io/resolver_ops.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/scope.h"

namespace gyre {
namespace {

/// One call, and whoever waits for its answer: either may be gone first.
class lookup {
 public:
  lookup(std::string host, const resolve_options& options) noexcept : host(std::move(host)) {
    hints.ai_family = options.family;
    hints.ai_flags = options.numeric ? AI_NUMERICHOST : 0;
    hints.ai_socktype = SOCK_STREAM;  // else each address comes once for each type
  }

  const std::string host;
  addrinfo hints = {};
  std::atomic<bool> given_up = false;
  event answered;
  result<int> code = std::errc::operation_canceled;
  op::address_list found;
};

task<> look_up(std::shared_ptr<lookup> asked) {
  asked->code =
      co_await op::getaddrinfo(asked->host.c_str(), asked->hints, asked->found, asked->given_up);
  asked->answered.set();
}

std::vector<endpoint> endpoints_in(const addrinfo* list, std::uint16_t port) {
  std::vector<endpoint> all;
  for (const addrinfo* each = list; each; each = each->ai_next) {
    if (each->ai_family != AF_INET && each->ai_family != AF_INET6) continue;
    sockaddr_storage address{};
    std::memcpy(&address, each->ai_addr, std::min<std::size_t>(each->ai_addrlen, sizeof address));
    all.push_back(endpoint::from(address));
    all.back().set_port(port);
  }
  return all;
}

}  // namespace

task<result<std::vector<endpoint>>> resolve(std::string host, std::uint16_t port,
                                            resolve_options options) {
  if (host.find('\0') != std::string::npos) co_return make_error_code(resolver_errc::nul_in_host);
  if (const auto written = endpoint::parse(host, port);
      written && (options.family == AF_UNSPEC || options.family == written->family()))
    co_return std::vector<endpoint>{*written};

  // In the root scope, so that a stop here does not wait for it, and the end of the loop does.
  const auto asked = std::make_shared<lookup>(std::move(host), options);
  spawn(look_up(asked));
  if (const auto waited = co_await asked->answered.wait(); !waited) {
    asked->given_up.store(true, std::memory_order_relaxed);
    co_return waited.error();
  }
  if (!asked->code) co_return asked->code.error();
  if (*asked->code == EAI_MEMORY) co_return std::errc::not_enough_memory;
  if (*asked->code != 0) co_return std::error_code(*asked->code, resolver_category());
  auto all = endpoints_in(asked->found.get(), port);
  if (all.empty()) co_return make_error_code(resolver_errc::no_address);
  co_return std::move(all);
}

}  // namespace gyre
