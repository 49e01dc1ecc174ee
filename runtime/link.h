#pragma once

#include <array>
#include <concepts>
#include <span>
#include <tuple>
#include <utility>

#include "gyre/runtime/backend.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/task.h"

namespace gyre {
namespace detail {

task<> run_links(std::span<operation* const> operations, link_kind kind);

template <std::derived_from<operation>... Operations>
auto await_links(link_kind kind, Operations&... operations)
    -> task<std::tuple<decltype(operations.await_resume())...>> {
  const std::array<operation*, sizeof...(Operations)> all = {&operations...};
  co_await run_links(all, kind);
  // In their order, which braces promise: a later one may take back what an earlier one did.
  co_return std::tuple<decltype(operations.await_resume())...>{operations.await_resume()...};
}

}  // namespace detail

/// Awaits several operations, each of which begins when the one before it has succeeded, and gives
/// the results of all as a tuple:
///
///     auto [sent, got] = co_await gyre::link(op::send_all(socket, question),
///                                            op::recv(socket, answer));
///
/// The first that fails cuts the link: it ends with its error, and those after it do nothing and
/// end with `operation_canceled`. So does a whole transfer that fell short (a read that met the end
/// of the file, `recv_exactly` at the end of the stream); its own result is what it came to. What
/// promises only "at least one byte" succeeds with any number, 0 at the end included.
///
/// Where io_uring has an opcode for each of them, they are one submission: the kernel gets them
/// together and goes from each to the next by itself. On other backends, and where a kernel does
/// not do that, they are started one by one, with the same results. Nothing is tried again that had
/// an effect.
///
/// A stop ends the link: what is in flight is cancelled, nothing else begins, and each result that
/// came is delivered. Closing a descriptor that any of them is on does the same. All have ended,
/// and the kernel has let go of their buffers, before the tuple is there.
///
/// The operations must be part of the same co_await expression. `with_timeout` may be around it: a
/// deadline ends the link as a stop does, and the tuple tells how far it came.
template <std::derived_from<operation>... Operations>
  requires(sizeof...(Operations) > 0)
auto link(Operations&&... operations) {
  return detail::await_links(link_kind::soft, operations...);
}

/// As `link`, but each begins when the one before it has ended, whatever that came to: for what has
/// to be done in any case. After a stop, or while a descriptor is being closed, what waits ends
/// with `operation_canceled`, and what need not wait may be done or not: its result tells. As one
/// submission all have run before anything could be tried again: so one that a signal interrupted
/// in a kernel worker ends with `interrupted`, and a whole transfer gives what the kernel
/// transferred at once, short though it may be before the end of the file; one that gives no number
/// ends with `operation_canceled` then.
template <std::derived_from<operation>... Operations>
  requires(sizeof...(Operations) > 0)
auto hard_link(Operations&&... operations) {
  return detail::await_links(link_kind::hard, operations...);
}

}  // namespace gyre
