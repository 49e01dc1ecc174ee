#include "gyre/io/resolver_ops.h"

#include <cerrno>

namespace gyre::op {

// An answer is the code with its sign changed, so that it is no errno.
static_assert(EAI_NONAME < 0 && EAI_AGAIN < 0);

constinit const operation_kind getaddrinfo::kind("getaddrinfo", "getaddrinfo(3)",
                                                 awaited_thing::network, ring_policy::offload);
int getaddrinfo::perform() noexcept {
  if (given_up_.load(std::memory_order_relaxed)) return -ECANCELED;
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(host_, nullptr, &hints_, &list);
  if (code == EAI_SYSTEM) return errno != 0 ? -errno : -EIO;
  if (code == 0) found_.reset(list);
  return -code;
}
result<int> getaddrinfo::await_resume() noexcept {
  const int answer = outcome();
  if (answer < 0) return errno_error(-answer);
  return -answer;
}

std::span<const operation_kind* const> resolver_operations() noexcept {
  static constexpr const operation_kind* all[] = {&getaddrinfo::kind};
  return all;
}

}  // namespace gyre::op
