// What the user asked of the load generator.
#ifndef GYRE_BENCHMARKS_LOAD_OPTIONS_H_
#define GYRE_BENCHMARKS_LOAD_OPTIONS_H_

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>

namespace gyre::load {

enum class mode { echo, http };
enum class loop_kind { any, uring, epoll };

struct options {
  load::mode mode = load::mode::echo;
  std::string host = "127.0.0.1";
  int port = 0;
  bool remote = false;  // whether host may be another machine
  int connections = 50;
  // Connections that wait for the server at once: connecting, or without their first answer. A
  // backlog may be as short as 128 (the old SOMAXCONN), and a connection that overruns it waits a
  // second for its retransmission, which would be measured as the server's fault.
  int pace = 100;
  std::size_t size = 64;   // echo: bytes a message
  std::string path = "/";  // http
  int depth = 1;           // http: requests in flight per connection
  int status = 200;        // http: any other status is an error
  double duration_s = 5;   // measured
  double warmup_s = 0.5;   // before that, once every connection had its first answer
  std::optional<int> cpu;  // pinned to it
  bool spin = false;       // busy-poll instead of sleeping
  loop_kind loop = loop_kind::any;
  std::optional<pid_t> server_pid;
  std::string json;  // a file, or "-"; empty: a readable report
  bool progress = false;

  sockaddr_storage address{};  // of host and port
  socklen_t address_size = 0;
};

// Reads the command line. Nothing: the process should end with `exit_status`; what had to be said
// (help, or one sentence about what is wrong) has been printed.
std::optional<options> parse_options(int argc, char** argv, int& exit_status);

}  // namespace gyre::load

#endif  // GYRE_BENCHMARKS_LOAD_OPTIONS_H_
