#include <gtest/gtest.h>

#include <stop_token>
#include <type_traits>
#include <utility>
#include <vector>

#include "gyre/fs/directory.h"
#include "gyre/fs/file.h"
#include "gyre/fs/replacement.h"
#include "gyre/io/descriptor.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/poll_ops.h"
#include "gyre/io/run.h"
#include "gyre/io/signals.h"
#include "gyre/io/socket_ops.h"
#include "gyre/io/splice_ops.h"
#include "gyre/net/endpoint.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/async_generator.h"
#include "gyre/runtime/auto_reset_event.h"
#include "gyre/runtime/barrier.h"
#include "gyre/runtime/broadcast.h"
#include "gyre/runtime/channel.h"
#include "gyre/runtime/condition_variable.h"
#include "gyre/runtime/cross_channel.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/latch.h"
#include "gyre/runtime/mutex.h"
#include "gyre/runtime/once.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/resume_on.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/select.h"
#include "gyre/runtime/semaphore.h"
#include "gyre/runtime/shared_mutex.h"
#include "gyre/runtime/shield.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/stop_on.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/task_group.h"
#include "gyre/runtime/when_all.h"
#include "gyre/runtime/when_any.h"
#include "gyre/runtime/with_timeout.h"

// The rules that keep g++ 12 from destroying temporaries twice, and that keep what the kernel uses
// where it is.
namespace gyre {
namespace {

/// g++ 12 destroys an aggregate twice that is a temporary of a co_await expression.
template <class... Types>
constexpr bool none_is_an_aggregate = (!std::is_aggregate_v<Types> && ...);

static_assert(
    none_is_an_aggregate<task<>, task<int>, task<result<int>>, result<int>, result<void>, sleep,
                         yield, event::waiter, timed_wait<op::recv>, timed_task<int>,
                         shielded_task<int>, when_all_awaiter<int>, when_all_range_awaiter<int>,
                         when_any_awaiter<int>, when_any_range_awaiter<int>, first_of<int>>);
static_assert(none_is_an_aggregate<op::recv, op::recv_exactly, op::send, op::send_all, op::recvmsg,
                                   op::sendmsg_all, op::accept, op::connect, op::openat2,
                                   op::read_at, op::read, op::fstat, op::poll, op::splice_from_file,
                                   op::splice_to_socket, users_left>);
static_assert(
    none_is_an_aggregate<descriptor, pipe, signals, tcp_stream, tcp_listener,
                         tcp_listener::accept_stream, file, directory, file_status, endpoint>);
static_assert(none_is_an_aggregate<run_options, uring_options, replacement_options, ring_size,
                                   listen_options, readiness, backend_counters, loop_counters>);
static_assert(
    none_is_an_aggregate<mutex::guard, mutex::lock_wait, shared_mutex::guard,
                         shared_mutex::shared_guard, semaphore::permits, semaphore::acquire_wait,
                         condition_variable::waiter<condition_variable::notification>,
                         auto_reset_event::waiter, latch::waiter, barrier::waiter,
                         channel<int>::send_wait, channel<int>::copy_send_wait,
                         channel<int>::receive_wait, select_wait<channel<int>::receive_wait>,
                         broadcast<int>::subscription, broadcast<int>::receive_wait>);

using stopped_operation = decltype(stop_on(std::stop_token(), std::declval<op::recv>()));
using stopped_task = decltype(stop_on(std::stop_token(), std::declval<task<int>>()));
static_assert(
    none_is_an_aggregate<async_generator<int>, async_generator<int>::next_wait,
                         task_group<int>::next_wait, task_group<>::next_wait, stopped_operation,
                         stopped_task, cross_channel<int>::send_wait,
                         cross_channel<int>::copy_send_wait, cross_channel<int>::receive_wait>);

template <class... Types>
constexpr bool all_stay_where_they_are =
    ((!std::is_copy_constructible_v<Types> && !std::is_move_constructible_v<Types> &&
      !std::is_copy_assignable_v<Types> && !std::is_move_assignable_v<Types>) &&
     ...);
template <class... Types>
constexpr bool all_only_move =
    ((!std::is_copy_constructible_v<Types> && std::is_nothrow_move_constructible_v<Types> &&
      std::is_nothrow_move_assignable_v<Types>) &&
     ...);

// What the kernel or a list points to must not move away.
static_assert(
    all_stay_where_they_are<op::recv, op::send_all, op::accept, op::openat2, sleep, event,
                            event::waiter, scope, loop, operation, timer, message, users_left>);
static_assert(all_only_move<task<>, task<int>, async_generator<int>, descriptor, tcp_stream,
                            tcp_listener, file, directory, replacement>);
static_assert(all_stay_where_they_are<
              mutex, shared_mutex, semaphore, condition_variable, auto_reset_event, latch, barrier,
              once, lazy<int>, channel<int>, cross_channel<int>, broadcast<int>, task_group<>,
              task_group<int>, stopped_operation, cross_channel<int>::receive_wait,
              mutex::lock_wait, channel<int>::receive_wait>);
static_assert(all_only_move<mutex::guard, shared_mutex::guard, semaphore::permits>);

template <class Wait>
concept may_have_a_deadline =
    requires(Wait wait) { with_deadline(std::move(wait), steady_time()); };
static_assert(may_have_a_deadline<sleep> && may_have_a_deadline<task<int>>);
static_assert(!may_have_a_deadline<resume_on_awaiter>);

// Those between loops likewise.
static_assert(
    none_is_an_aggregate<cross_mutex::guard, cross_mutex::lock_wait, cross_shared_mutex::guard,
                         cross_shared_mutex::shared_guard, cross_semaphore::permits,
                         cross_semaphore::acquire_wait, cross_event::waiter,
                         cross_auto_reset_event::waiter, cross_latch::waiter, cross_barrier::waiter,
                         cross_condition_variable::waiter<cross_condition_variable::notification>,
                         cross_broadcast<int>::subscription, cross_broadcast<int>::receive_wait>);
static_assert(all_stay_where_they_are<cross_mutex, cross_shared_mutex, cross_semaphore, cross_event,
                                      cross_auto_reset_event, cross_latch, cross_barrier,
                                      cross_condition_variable, cross_once, cross_lazy<int>,
                                      cross_broadcast<int>, cross_mutex::lock_wait>);
static_assert(
    all_only_move<cross_mutex::guard, cross_shared_mutex::guard, cross_semaphore::permits>);

// What is not locked takes no room for a lock.
static_assert(sizeof(mutex) == 3 * sizeof(void*) && sizeof(latch) == 3 * sizeof(void*));

// Two are equal, or they are told apart by what they are.
static_assert(std::is_trivially_copyable_v<endpoint>);

TEST(api_types, hold_the_rules_that_this_file_asserts_when_it_is_compiled) {
  SUCCEED();
}

}  // namespace
}  // namespace gyre
