#include "gyre/benchmarks/echo/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

void echo_fail(const char* what, int error) {
  fprintf(stderr, "%s: %s\n", what, strerror(error));
  exit(1);
}

static unsigned short parse_port(const char* text) {
  char* end = NULL;
  errno = 0;
  long port = strtol(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || port < 0 || port > 65535) {
    fprintf(stderr, "--port %s: expected a number from 0 to 65535\n", text);
    exit(2);
  }
  return (unsigned short)port;
}

struct echo_options echo_parse_options(int argc, char** argv) {
  struct echo_options options = {.port = 0, .spin = false};
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--port") == 0 && i + 1 < argc) {
      options.port = parse_port(argv[++i]);
    } else if (strcmp(argv[i], "--spin") == 0) {
      options.spin = true;
      if (i + 1 < argc && argv[i + 1][0] != '-') i++;
    } else {
      fprintf(stderr, "%s: expected --port N or --spin\n", argv[i]);
      exit(2);
    }
  }
  return options;
}

static void raise_open_files(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) echo_fail("getrlimit", errno);
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) echo_fail("setrlimit", errno);
}

int echo_listen(const struct echo_options* options) {
  raise_open_files();
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) echo_fail("socket", errno);
  int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) {
    echo_fail("SO_REUSEADDR", errno);
  }
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(options->port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0) echo_fail("bind", errno);
  if (listen(fd, echo_backlog) != 0) echo_fail("listen", errno);
  return fd;
}

void echo_announce(int listener) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  if (getsockname(listener, (struct sockaddr*)&address, &length) != 0) {
    echo_fail("getsockname", errno);
  }
  printf("listening on 127.0.0.1:%u\n", ntohs(address.sin_port));
  fflush(stdout);
}

void echo_no_delay(int fd) {
  int on = 1;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
    echo_fail("TCP_NODELAY", errno);
}
