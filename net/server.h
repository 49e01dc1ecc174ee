#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include "gyre/net/tcp.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/semaphore.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/when_any.h"

namespace gyre {

/// How a `server` accepts connections, and how it ends.
class server_options {
 public:
  server_options() noexcept {}

  /// Connections open at a time, at least 1. While there are so many, others wait in the kernel's
  /// queue (`listen_options::backlog`).
  std::size_t connections_max = std::numeric_limits<std::size_t>::max();
  /// For a limit that several servers share, as those of a program's loops: each connection that
  /// is served has one of these permits. Where there are none, one more is accepted, which waits
  /// for a permit and is served by nobody until then; it is closed when the server ends before.
  /// Must outlive the server.
  cross_semaphore* permits = nullptr;
  /// How long connections may go on after `drain`.
  std::chrono::nanoseconds drain_time = std::chrono::seconds(5);
  /// How long nothing is accepted after an error of `accept` that passes: see `advise_accept`.
  std::chrono::nanoseconds accept_pause = std::chrono::milliseconds(10);
  /// Told of such an error, but not again until a connection was accepted. Must not throw.
  std::function<void(std::error_code)> on_pause;
  /// Told what serving a connection threw, which then concerns that connection alone. Without it
  /// the exception ends all, as it does in a scope. Must not throw.
  std::function<void(std::exception_ptr)> on_failure;
};

/// What a server has done.
class server_counters {
 public:
  server_counters() noexcept {}

  std::uint64_t accepted = 0;  ///< connections that were or are served
  std::uint64_t pauses = 0;    ///< times that accepting waited for something other than a client
};

/// What connections can be accepted from: `tcp_listener`, `unix_listener`, ….
template <class Listener>
concept accepting = std::move_constructible<Listener> && requires(Listener& listener) {
  { listener.accept().await_resume().error() } -> std::same_as<std::error_code>;
  { listener.close() } -> std::same_as<task<result<void>>>;
};

template <accepting Listener>
using accepted_by =
    typename decltype(std::declval<Listener&>().accept().await_resume())::value_type;

/// Accepts connections and serves each by a task of its own, until it is told to end: at once, or
/// gracefully. One for each listener, and used on its loop's thread only; `cores::post_to_each`
/// reaches those of other loops.
///
///     gyre::task<> echo(gyre::tcp_stream stream);
///
///     gyre::server server;
///     children.spawn(drain_on_signal(server));  // which calls server.drain()
///     const auto ended = co_await server.serve(std::move(listener), echo);
class server {
 public:
  explicit server(server_options options = server_options()) : options_(std::move(options)) {
    check(options_.connections_max > 0, "a server was to serve no connection at a time");
  }
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// Spawns `handler(socket)`, a task, for each connection accepted, into a scope of its own; such
  /// a connection costs the frame of that task and a record of the scope, both from the frame pool.
  /// `handler` is kept until all have ended, so that it may be a lambda with captures. Errors that
  /// concern one connection are passed over, those that pass are waited for: see `advise_accept`.
  ///
  /// Once it ends, `listener` is closed first; connections that were accepted by then are served,
  /// unless they still wait for a permit.
  /// Gives success when all of them have ended by themselves after `drain`. Otherwise the rest was
  /// asked to stop and awaited: `timed_out` after `drain_time`, `operation_canceled` by `stop` or
  /// because this task was asked to stop; and where the listener itself is no good, its error,
  /// after the connections were drained. Throws what a handler throws, see
  /// `server_options::on_failure`. To be called once.
  template <accepting Listener, class Handler>
    requires std::same_as<std::invoke_result_t<Handler&, accepted_by<Listener>>, task<void>>
  task<result<void>> serve(Listener listener, Handler handler);

  /// Accepts no more, and lets the connections end, for at most `drain_time`. It's up to them to
  /// do so: to look at `draining`, or to be told. Idempotent; before `serve` it will end at once.
  void drain() noexcept;
  /// Accepts no more, and asks all connections to stop.
  void stop() noexcept;
  /// Whether it accepts no more.
  bool draining() const noexcept { return draining_.is_set(); }

  /// Connections that are open, and have a task.
  std::size_t open() const noexcept { return open_; }
  const server_counters& counters() const noexcept { return counters_; }

 private:
  class connection;
  using permit = cross_semaphore::permits;

  template <class Listener, class Handler>
  task<> serve_until_drained(Listener& listener, Handler& handler, scope& connections,
                             result<void>& outcome);
  template <class Listener, class Handler>
  task<result<void>> accept_all(Listener& listener, Handler& handler, scope& connections);
  template <class Handler, class Socket>
  void begin(Handler& handler, Socket&& socket, permit held, scope& connections);
  void spawn(task<void> work, permit held, scope& connections);
  task<result<void>> end(scope& connections);
  void pause(std::error_code why) noexcept;
  bool bears(const std::exception_ptr& failure) noexcept;
  void closed() noexcept;

  const server_options options_;
  server_counters counters_;
  std::size_t open_ = 0;
  bool serving_ = false;
  bool pausing_ = false;
  bool stopped_ = false;
  event draining_;
  event room_;   // a connection was closed
  event ended_;  // the last one, or there is no more time for them
};

template <accepting Listener, class Handler>
  requires std::same_as<std::invoke_result_t<Handler&, accepted_by<Listener>>, task<void>>
task<result<void>> server::serve(Listener listener, Handler handler) {
  check(!std::exchange(serving_, true), "a server was told to serve twice: each listener has one");
  result<void> outcome;
  co_await with_scope([&](scope& connections) {
    return serve_until_drained(listener, handler, connections, outcome);
  });
  co_return outcome;
}

template <class Listener, class Handler>
task<> server::serve_until_drained(Listener& listener, Handler& handler, scope& connections,
                                   result<void>& outcome) {
  const auto first =
      co_await when_any(accept_all(listener, handler, connections), draining_.wait());
  outcome = std::visit([](const result<void>& each) { return each; }, first);
  (void)co_await listener.close();
  const result<void> ended = co_await end(connections);
  if (outcome) outcome = ended;
}

/// Ends with an error only: why no more are accepted.
template <class Listener, class Handler>
task<result<void>> server::accept_all(Listener& listener, Handler& handler, scope& connections) {
  while (true) {
    if (open_ >= options_.connections_max) {
      ++counters_.pauses;
      room_.reset();
      const auto room = co_await room_.wait();
      if (!room) co_return room;
      continue;
    }
    auto accepted = co_await listener.accept();
    if (accepted) {
      permit held = options_.permits ? options_.permits->try_acquire() : permit();
      if (options_.permits && !held) {
        ++counters_.pauses;
        auto waited = co_await options_.permits->acquire();
        if (!waited) co_return waited.error();
        held = *std::move(waited);
      }
      begin(handler, *std::move(accepted), std::move(held), connections);
      continue;
    }
    const accept_advice advice = advise_accept(accepted.error());
    if (advice == accept_advice::give_up) co_return accepted.error();
    if (advice == accept_advice::go_on) continue;
    pause(accepted.error());
    const auto paused = co_await sleep_for(options_.accept_pause);
    if (!paused) co_return paused;
  }
}

template <class Handler, class Socket>
void server::begin(Handler& handler, Socket&& socket, permit held, scope& connections) {
  ++counters_.accepted;
  pausing_ = false;
  try {
    spawn(handler(std::forward<Socket>(socket)), std::move(held), connections);
  } catch (...) {
    const std::exception_ptr failure = std::current_exception();
    if (!bears(failure)) std::rethrow_exception(failure);
  }
}

}  // namespace gyre
