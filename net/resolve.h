#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "gyre/net/endpoint.h"
#include "gyre/net/resolver_error.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// What kind of addresses a host is asked for.
class resolve_options {
 public:
  resolve_options() noexcept {}

  /// AF_INET or AF_INET6 for addresses of that family alone.
  int family = AF_UNSPEC;
  /// The host must be written as an address: nothing is looked up.
  bool numeric = false;
};

/// The addresses of a host, each with `port`, at least one, the best to connect to first (RFC
/// 6724): by getaddrinfo(3), so that /etc/hosts and nsswitch.conf(5) say what they are. What is
/// written as an address, without brackets, needs no lookup. Fails with a `resolver_errc`, with
/// `operation_canceled`, or with what kept the system from asking (`too_many_files_open`, …).
///
/// Lookups run on the backend's own threads, at most half of them (`uring_options::threads_max`) at
/// a time, and a name server that is silent is waited for as resolv.conf(5) says, some 10 to 30 s:
/// put `with_timeout` around. A stop ends the wait at once. The call itself can't be stopped: a
/// thread goes on with it, on memory of its own, and nobody takes its answer. `run` waits for that
/// before it returns, as it does for all tasks.
///
/// Only in a task.
task<result<std::vector<endpoint>>> resolve(std::string host, std::uint16_t port,
                                            resolve_options options = resolve_options());

}  // namespace gyre
