// One run of the load: opens the connections at a pace that the server can follow, tells the
// loop what to send, and knows when to measure and when it is over. A loop moves the bytes.
#ifndef GYRE_BENCHMARKS_LOAD_SESSION_H_
#define GYRE_BENCHMARKS_LOAD_SESSION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gyre/benchmarks/load/exchange.h"
#include "gyre/benchmarks/load/meter.h"
#include "gyre/benchmarks/load/options.h"
#include "gyre/benchmarks/load/process_clock.h"

namespace gyre::load {

struct connection {
  int fd = -1;
  std::uint32_t index = 0;
  std::uint32_t generation = 0;  // how often it was connected anew
  std::span<const char> unsent;  // handed out by talk->next(), not sent yet
  bool served = false;           // has had an answer since it was connected
  std::unique_ptr<exchange> talk;

  // Whether it has been connected: then something was handed out.
  bool begun() const { return unsent.data() != nullptr; }
};

struct result {
  double seconds = 0;       // measured
  double ramp_seconds = 0;  // until every connection had an answer
  std::optional<process_time> server;
  process_time client;  // of this process
  std::string loop;     // which loop it was
};

class session {
 public:
  // *o must outlive the session.
  explicit session(const options& o);
  ~session();
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  const options& opts() const { return options_; }
  std::vector<connection>& connections() { return connections_; }
  const meter& counts() const { return meter_; }
  result& outcome() { return result_; }

  // A connection that should connect now: its non-blocking socket is there, connect() is the
  // loop's. Null when enough are waiting for the server. Call until it is null, every turn.
  connection* next_to_connect();

  // What to send at `now`; only for a connection that has nothing unsent.
  std::span<const char> next(connection& c, std::uint64_t now) { return c.talk->next(now); }

  // Bytes came. False: the connection is to be given up, with disconnect().
  bool received(connection& c, std::span<const char> bytes, std::uint64_t now);

  // Connecting, sending or receiving failed, or (0) the server closed. Follow with disconnect().
  void failed(connection& c, const char* what, int error);

  // Closes the socket. The connection may come back from next_to_connect().
  void disconnect(connection& c);

  // The loop can't go on at all.
  void fatal(const char* what, int error);

  // Once a turn: goes through the phases and reports progress. True: stop.
  bool over(std::uint64_t now);

 private:
  enum class phase { ramp, warmup, measure, ended };

  void open_socket(connection& c);
  void enter(phase next, std::uint64_t now);
  void finish(std::uint64_t now);
  std::optional<process_time> read_server();
  void report_progress(std::uint64_t now);

  const options& options_;
  meter meter_;
  result result_;
  std::vector<connection> connections_;
  std::vector<connection*> to_connect_;
  std::size_t unserved_ = 0;  // connecting, or waiting for their first answer
  std::size_t awaited_ = 0;   // have had no answer yet, and may still get one
  std::size_t alive_ = 0;     // connected or to be connected
  phase phase_ = phase::ramp;
  std::uint64_t started_ = 0;
  std::uint64_t phase_started_ = 0;
  std::uint64_t next_report_ = 0;
  std::optional<process_time> server_before_;
  process_time client_before_;
  bool live_ = false;  // progress goes to a terminal
};

}  // namespace gyre::load

#endif  // GYRE_BENCHMARKS_LOAD_SESSION_H_
