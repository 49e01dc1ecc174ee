// What every echo server here does alike, so that only the I/O model differs: the options, the
// listening socket, the sizes. C, because half of the servers are.
#ifndef GYRE_BENCHMARKS_ECHO_LISTENER_H_
#define GYRE_BENCHMARKS_ECHO_LISTENER_H_

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  echo_backlog = 4096,
  echo_buffer_size = 16384,  // bytes a connection can receive at once
};

struct echo_options {
  unsigned short port;  // 0: the kernel chooses
  bool spin;            // look for work again and again instead of sleeping
};

// Reads --port N and --spin [ANYTHING]; ends the process with one sentence on anything else.
// --spin takes and ignores a value, so that a caller can treat all servers alike.
struct echo_options echo_parse_options(int argc, char** argv);

// A non-blocking listening socket on 127.0.0.1. Raises the limit of open files first.
// Ends the process with one sentence when the port can't be had.
int echo_listen(const struct echo_options* options);

// Prints "listening on 127.0.0.1:PORT": from then on connections are accepted.
void echo_announce(int listener);

// TCP_NODELAY on an accepted socket.
void echo_no_delay(int fd);

// Says what failed, with the error's text, and ends the process.
void echo_fail(const char* what, int error) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif

#endif  // GYRE_BENCHMARKS_ECHO_LISTENER_H_
