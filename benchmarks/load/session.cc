#include "gyre/benchmarks/load/session.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "gyre/benchmarks/load/clock.h"

namespace gyre::load {
namespace {

// A server that hasn't answered every connection by then never will.
constexpr double ramp_seconds_max = 30;

void raise_open_files(std::size_t connections) {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max = std::max<rlim_t>(limit.rlim_max, connections + 64);
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;  // too little: socket() will say so
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

session::session(const options& o)
    : options_(o),
      connections_(static_cast<std::size_t>(o.connections)),
      awaited_(connections_.size()),
      alive_(connections_.size()),
      live_(o.progress && isatty(STDERR_FILENO) == 1) {
  raise_open_files(connections_.size());
  for (std::uint32_t i = 0; i < connections_.size(); i++) {
    connection& c = connections_[i];
    c.index = i;
    c.talk = o.mode == mode::echo ? make_echo_exchange(o, i) : make_http_exchange(o);
    to_connect_.push_back(&c);
  }
  std::reverse(to_connect_.begin(), to_connect_.end());
  started_ = phase_started_ = now_ns();
}

session::~session() {
  for (connection& c : connections_) {
    if (c.fd >= 0) close(c.fd);
  }
}

connection* session::next_to_connect() {
  while (!to_connect_.empty() && unserved_ < static_cast<std::size_t>(options_.pace)) {
    connection* c = to_connect_.back();
    to_connect_.pop_back();
    open_socket(*c);
    if (c->fd >= 0) return c;
  }
  return nullptr;
}

void session::open_socket(connection& c) {
  c.fd = socket(options_.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c.fd < 0) {
    meter_.failed(std::string("no socket: ") + std::strerror(errno));
    alive_--;
    if (c.generation == 0) awaited_--;
    return;
  }
  const int on = 1;
  if (setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
    meter_.failed(std::string("TCP_NODELAY: ") + std::strerror(errno));
  }
  c.generation++;
  c.unsent = {};
  unserved_++;
  c.talk->reset(now_ns());
}

bool session::received(connection& c, std::span<const char> bytes, std::uint64_t now) {
  const verdict v = c.talk->received(bytes, now, meter_);
  if (!c.served && c.talk->turn() == now) {
    c.served = true;
    unserved_--;
    if (c.generation == 1) awaited_--;
  }
  if (v == verdict::over) {
    meter_.reconnected();
    to_connect_.push_back(&c);
    alive_++;
  }
  return v == verdict::going_on;
}

void session::failed(connection&, const char* what, int error) {
  if (error == 0) {
    meter_.failed("the server closed a connection in mid-conversation");
  } else {
    meter_.failed(std::string(what) + ": " + std::strerror(error));
  }
}

void session::disconnect(connection& c) {
  if (!c.served) {
    unserved_--;
    if (c.generation == 1) awaited_--;
  }
  c.served = false;
  close(c.fd);
  c.fd = -1;
  c.unsent = {};
  alive_--;
}

void session::fatal(const char* what, int error) {
  meter_.failed(std::string(what) + ": " + std::strerror(error));
  finish(now_ns());
}

bool session::over(std::uint64_t now) {
  if (options_.progress && now >= next_report_) report_progress(now);
  if (alive_ == 0) {  // each has been given up for a reason that was counted
    finish(now);
    return true;
  }
  const double elapsed = static_cast<double>(now - phase_started_) / 1e9;
  switch (phase_) {
    case phase::ramp:
      if (awaited_ == 0) {
        enter(phase::warmup, now);
      } else if (elapsed > ramp_seconds_max) {
        meter_.failed("only " + std::to_string(connections_.size() - awaited_) + " of " +
                      std::to_string(connections_.size()) + " connections were served within 30 s");
        finish(now);
      }
      break;
    case phase::warmup:
      if (elapsed >= options_.warmup_s) enter(phase::measure, now);
      break;
    case phase::measure:
      if (elapsed >= options_.duration_s) finish(now);
      break;
    case phase::ended:
      break;
  }
  return phase_ == phase::ended;
}

void session::enter(phase next, std::uint64_t now) {
  phase_ = next;
  phase_started_ = now;
  if (next == phase::warmup) result_.ramp_seconds = static_cast<double>(now - started_) / 1e9;
  if (next == phase::measure) {
    server_before_ = read_server();
    client_before_ = read_process_time(getpid()).value_or(process_time{});
    meter_.start_measuring();
    phase_started_ = now_ns();
  }
}

void session::finish(std::uint64_t now) {
  if (phase_ == phase::measure) {
    result_.seconds = static_cast<double>(now - phase_started_) / 1e9;
    const std::optional<process_time> server = read_server();
    if (server_before_ && server) result_.server = *server - *server_before_;
    if (meter_.messages() == 0) meter_.failed("no answer came within the measured time");
    result_.client = read_process_time(getpid()).value_or(process_time{}) - client_before_;
  }
  for (const connection& c : connections_) {
    if (c.fd >= 0) meter_.waited(now - c.talk->turn());
  }
  phase_ = phase::ended;
  if (options_.progress) std::fputs(live_ ? "\r\033[K" : "", stderr);
}

std::optional<process_time> session::read_server() {
  if (!options_.server_pid) return std::nullopt;
  const std::optional<process_time> t = read_process_time(*options_.server_pid);
  if (!t) meter_.failed("no process " + std::to_string(*options_.server_pid) + " to measure");
  return t;
}

void session::report_progress(std::uint64_t now) {
  next_report_ = now + (live_ ? 250'000'000 : 1'000'000'000);
  const double elapsed = static_cast<double>(now - phase_started_) / 1e9;
  const char* start = live_ ? "\r\033[K" : "";
  const char* end = live_ ? "" : "\n";
  if (phase_ == phase::ramp) {
    std::fprintf(stderr, "%sconnecting: %zu of %zu%s", start, connections_.size() - awaited_,
                 connections_.size(), end);
  } else if (phase_ == phase::warmup) {
    std::fprintf(stderr, "%swarming up: %.1f of %.1f s%s", start, elapsed, options_.warmup_s, end);
  } else {
    const histogram& h = meter_.latency();
    const double rate = elapsed > 0 ? static_cast<double>(h.count()) / elapsed : 0;
    std::fprintf(stderr, "%s%.1f of %.1f s  %.0f/s  p50 %.0f us  p99 %.0f us  errors %llu%s", start,
                 elapsed, options_.duration_s, rate, static_cast<double>(h.at(0.5)) / 1e3,
                 static_cast<double>(h.at(0.99)) / 1e3,
                 static_cast<unsigned long long>(meter_.errors()), end);
  }
}

}  // namespace gyre::load
