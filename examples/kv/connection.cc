#include "gyre/examples/kv/connection.h"

#include <span>
#include <utility>

#include "gyre/examples/kv/info.h"
#include "gyre/examples/kv/resp.h"
#include "gyre/examples/kv/server.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/time.h"
#include "gyre/runtime/with_timeout.h"

namespace kv {
namespace {

using namespace std::chrono_literals;

// How much of what a client still sends is read before its connection is closed, and for how long.
constexpr std::size_t linger_bytes_max = 4 << 20;
constexpr auto linger_time = 2s;
// Memory that a connection keeps for its replies.
constexpr std::size_t output_kept_max = 64 << 10;

}  // namespace

connection::connection(core& home, gyre::tcp_stream stream)
    : home_(home),
      stream_(std::move(stream)),
      parser_(home.settings.limits),
      round_(home.all.shards().count()) {
  next_ = home.connections;
  link_ = &home.connections;
  if (next_) next_->link_ = &next_;
  home.connections = this;
  ++home.counters.accepted;
  ++home.counters.open;
}

connection::~connection() {
  *link_ = next_;
  if (next_) next_->link_ = link_;
  --home_.counters.open;
}

/// From here on a read gets what has arrived already, and then the end of the stream.
void connection::drain() noexcept {
  if (reading_) (void)stream_.shutdown_read();
}

gyre::task<> connection::run() {
  if (!stream_.set_no_delay(true)) co_return;
  while (!closing_) {
    if (home_.accepting.draining()) (void)stream_.shutdown_read();
    reading_ = true;
    const auto got = co_await stream_.read_some(input_.free_space());
    reading_ = false;
    if (!got || *got == 0) co_return;
    input_.add(*got);
    const bool goes_on = co_await answer_all();
    if (!goes_on) co_return;
  }
  co_await linger();
}

/// Answers all commands that are complete now. False when the connection can't go on.
gyre::task<bool> connection::answer_all() {
  for (;;) {
    plan_round();
    if (planned_ == 0) co_return true;
    const bool ran = co_await run_round();
    if (!ran) co_return false;
    input_.drop_front(std::exchange(planned_, 0));
    const plan behind = std::exchange(behind_, plan::go_on);
    if (behind != plan::go_on) co_await answer_whole(behind);
    const bool written = co_await write();
    if (!written || closing_) co_return written;
  }
}

/// Gathers commands for a round, as many as there are, or until one that needs its own answer.
void connection::plan_round() {
  while (!closing_ && behind_ == plan::go_on && !round_.is_full()) {
    const std::string_view message = input_.bytes().substr(planned_);
    const resp_parser::progress progress = parser_.parse(message);
    if (progress == resp_parser::progress::more) return;
    if (progress == resp_parser::progress::failed) {
      std::string reply;
      resp::append_error(reply, "ERR Protocol error: " + parser_.failure());
      round_.answer(reply);
      planned_ = input_.bytes().size();
      closing_ = true;
      return;
    }
    const auto arguments = parser_.arguments(message);
    if (!arguments.empty()) {
      const plan planned = plan_command(arguments, round_);
      ++home_.counters.commands;
      if (planned == plan::end) closing_ = true;
      if (planned == plan::info || planned == plan::dbsize) behind_ = planned;
    }
    planned_ += parser_.size();
    parser_.next();
  }
}

/// Has the commands made; their replies are in `output_` then, or were written already where they
/// are large. False when the connection can't go on.
gyre::task<bool> connection::run_round() {
  ++home_.counters.rounds;
  for (;;) {
    const auto made = co_await home_.all.shards().make(round_.batches(), home_.number);
    if (!made) co_return false;
    if (round_.merge(output_)) co_return true;
    const bool written = co_await write();
    if (!written) co_return false;
  }
}

gyre::task<> connection::answer_whole(plan asked) {
  const auto facts = co_await home_.all.shards().facts();
  if (asked == plan::info) {
    resp::append_bulk(output_, info_text(home_.all, facts));
    co_return;
  }
  std::size_t keys = 0;
  for (const shard_facts& each : facts) keys += each.keys;
  resp::append_integer(output_, static_cast<std::int64_t>(keys));
}

gyre::task<bool> connection::write() {
  if (output_.empty()) co_return true;
  const auto written = co_await gyre::with_timeout(
      stream_.write_all(std::as_bytes(std::span(output_))), home_.settings.limits.write_time);
  // The client does not read. What the socket still holds would keep it alive for minutes.
  if (written.error() == std::errc::timed_out) (void)stream_.reset_on_close();
  output_.clear();
  if (output_.capacity() > output_kept_max) output_ = std::string();
  co_return written.has_value();
}

/// Closing a socket that holds unread bytes resets the connection, and the client may then lose the
/// replies before it has seen them: so what it still sends is read, within limits, until it closes.
gyre::task<> connection::linger() {
  if (!stream_.shutdown_write()) co_return;
  const gyre::steady_time deadline = gyre::saturating_add(gyre::loop::current().now(), linger_time);
  for (std::size_t bytes = 0; bytes < linger_bytes_max;) {
    input_.drop_all();
    if (home_.accepting.draining()) (void)stream_.shutdown_read();
    reading_ = true;
    const auto got = co_await gyre::with_deadline(stream_.read_some(input_.free_space()), deadline);
    reading_ = false;
    if (!got || *got == 0) co_return;
    bytes += *got;
  }
}

gyre::task<> serve_connection(core& home, gyre::tcp_stream stream) {
  connection served(home, std::move(stream));
  co_await served.run();
}

}  // namespace kv
