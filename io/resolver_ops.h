#pragma once

#include <netdb.h>

#include <atomic>
#include <memory>
#include <span>

#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

namespace gyre::op {

/// Frees what getaddrinfo(3) gave.
class address_list_deleter {
 public:
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};
using address_list = std::unique_ptr<addrinfo, address_list_deleter>;

/// getaddrinfo(3) of a host, without a service: 0, and the addresses in `found`, or an EAI_ code.
/// It runs on one of the backend's own threads, and may take as long as name servers are given to
/// answer. A stop has to wait for that, once it runs: see `resolve` in net/resolve.h, which
/// doesn't.
class [[nodiscard]] getaddrinfo final : public operation {
 public:
  static const operation_kind kind;

  /// `hints` are copied; all else must stay until the operation has ended. Where `given_up` is true
  /// by the time that a thread takes it up, it ends with `operation_canceled`.
  getaddrinfo(const char* host, const addrinfo& hints, address_list& found,
              const std::atomic<bool>& given_up) noexcept
      : operation(kind, nullptr), host_(host), hints_(hints), found_(found), given_up_(given_up) {}
  result<int> await_resume() noexcept;

  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  const char* host_;
  addrinfo hints_;
  address_list& found_;
  const std::atomic<bool>& given_up_;
};

/// All kinds of this header.
std::span<const operation_kind* const> resolver_operations() noexcept;

}  // namespace gyre::op
