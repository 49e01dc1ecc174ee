#include "gyre/examples/http/connection.h"

#include <utility>

#include "gyre/examples/http/text.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/with_timeout.h"

namespace http {
namespace {

using namespace std::chrono_literals;
using progress = request_parser::progress;

// How much of what a refused client still sends is read, and for how long.
constexpr std::size_t linger_bytes_max = 4 << 20;
constexpr auto linger_time = 2s;

gyre::steady_time after(std::chrono::nanoseconds span) noexcept {
  return gyre::saturating_add(gyre::loop::current().now(), span);
}

}  // namespace

connection::connection(core& home, gyre::tcp_stream stream) noexcept
    : home_(home),
      stream_(std::move(stream)),
      input_(home.blocks),
      parser_(home.limits),
      exchange_(home, stream_),
      deadline_(after(home.limits.head_time)) {
  next_ = home.connections;
  link_ = &home.connections;
  if (next_) next_->link_ = &next_;
  home.connections = this;
}

connection::~connection() {
  *link_ = next_;
  if (next_) next_->link_ = link_;
}

void connection::drain() noexcept {
  if (reading_ && phase_ == phase::idle) await_nothing_more();
}

/// From here on a read gets what has arrived already, and then the end of the stream: a request
/// that was sent in time is answered, and nobody is waited for.
void connection::await_nothing_more() noexcept {
  (void)stream_.shutdown_read();
}

void connection::enter(phase phase) noexcept {
  phase_ = phase;
  const limits& limits = home_.limits;
  deadline_ = after(phase == phase::idle   ? limits.idle_time
                    : phase == phase::head ? limits.head_time
                                           : limits.body_time);
}

gyre::task<> connection::run() {
  if (!stream_.set_no_delay(true)) co_return;
  while (!closing_) {
    if (phase_ == phase::idle && home_.accepting.draining()) await_nothing_more();
    reading_ = true;
    const auto got =
        co_await gyre::with_deadline(stream_.read_some(input_.free_space()), deadline_);
    reading_ = false;
    const bool goes_on = co_await take(got);
    if (!goes_on) co_return;
    const gyre::result<void> written = co_await exchange_.flush();
    if (!can_go_on(written)) co_return;
    // The time until the next request runs from here; that of one under way goes on.
    if (phase_ == phase::idle) enter(input_.empty() ? phase::idle : phase::head);
  }
  if (lingering_) co_await linger();
}

/// Answers all requests that are complete now. False when the connection can't go on.
gyre::task<bool> connection::take(gyre::result<std::size_t> got) {
  if (!got || *got == 0) co_return co_await give_up(got);
  input_.add(*got);
  home_.counters.received_bytes += *got;
  while (!closing_) {
    const progress progress = parser_.parse(input_);
    if (progress == progress::more) break;
    if (progress == progress::complete && exchange_.answer_at_once(parser_.request(input_))) {
      request_ended();
      continue;
    }
    const bool answered = co_await answer_one(progress);
    if (!answered) co_return false;
  }
  co_return true;
}

gyre::task<bool> connection::answer_one(request_parser::progress progress) {
  if (progress == progress::failed) co_return co_await refuse(parser_.failure());
  if (progress == progress::body) co_return co_await begin_body();
  const request request = parser_.request(input_);
  const gyre::result<void> outcome = co_await exchange_.answer(request);
  if (!can_go_on(outcome)) co_return false;
  request_ended();
  co_return true;
}

/// The head of a request is complete, and a body follows, which the parser will drop.
gyre::task<bool> connection::begin_body() {
  enter(phase::body);
  const request request = parser_.request(input_);
  if (request.expect.empty() || request.http_1_0) co_return true;
  if (!equal_ignoring_case(request.expect, "100-continue"))
    co_return co_await refuse(status::expectation_failed);
  // The client asks before it sends the body: better to say no now than when it has come.
  if (request.method == request::method::other)
    co_return co_await refuse(status::method_not_allowed);
  if (input_.message().size() > parser_.size()) co_return true;
  const gyre::result<void> said = co_await exchange_.say_continue();
  co_return can_go_on(said);
}

/// Answers with a status that ends the connection.
gyre::task<bool> connection::refuse(status status) {
  closing_ = lingering_ = true;
  const gyre::result<void> outcome = co_await exchange_.refuse(status);
  co_return can_go_on(outcome);
}

/// No more bytes came. True when there is an answer to write before the end.
gyre::task<bool> connection::give_up(gyre::result<std::size_t> got) {
  const bool under_way = phase_ != phase::idle;
  const bool timed_out = got.error() == std::errc::timed_out;
  if (timed_out) ++(under_way ? home_.counters.request_timeouts : home_.counters.idle_timeouts);
  if (!got && !timed_out) co_return can_go_on(got.error());
  if (!under_way) co_return false;
  // A client that sends no more may still read.
  co_return co_await refuse(timed_out ? status::request_timeout : status::bad_request);
}

void connection::request_ended() noexcept {
  const std::size_t size = parser_.size();
  parser_.next();
  input_.drop_front(size);
  phase_ = phase::idle;
  closing_ = !exchange_.keep_alive();
  lingering_ = closing_ && !input_.empty();
}

bool connection::can_go_on(const gyre::result<void>& outcome) noexcept {
  if (outcome) [[likely]]
    return true;
  if (outcome.error() == std::errc::timed_out) {
    // The client does not read. What the socket still holds would keep it alive for minutes.
    ++home_.counters.write_timeouts;
    (void)stream_.reset_on_close();
  } else if (outcome.error() != std::errc::operation_canceled) {
    ++home_.counters.broken;
  }
  return false;
}

/// Closing a socket that holds unread bytes resets the connection, and the client may then lose the
/// answer before it has seen it: so what it still sends is read, within limits, until it closes.
gyre::task<> connection::linger() {
  if (!stream_.shutdown_write()) co_return;
  const gyre::steady_time deadline = after(linger_time);
  for (std::size_t bytes = 0; bytes < linger_bytes_max;) {
    input_.keep_front(0);
    const auto got = co_await gyre::with_deadline(stream_.read_some(input_.free_space()), deadline);
    if (!got || *got == 0) co_return;
    home_.counters.received_bytes += *got;
    bytes += *got;
  }
}

gyre::task<> serve_connection(core& home, gyre::tcp_stream stream) {
  connection served(home, std::move(stream));
  co_await served.run();
}

}  // namespace http
