// The load generator as a program, against a server as a program.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

// A program that runs until the test ends, with its standard output at hand.
class program {
 public:
  explicit program(std::vector<std::string> words) {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe(ends.data()), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    EXPECT_EQ(posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    output_ = fdopen(ends[0], "r");
  }
  program(const program&) = delete;
  program& operator=(const program&) = delete;
  ~program() {
    fclose(output_);
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }

  std::string line() {
    std::array<char, 4096> text{};
    return fgets(text.data(), text.size(), output_) == nullptr ? "" : text.data();
  }

  int exit_status() {
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string pid() const { return std::to_string(pid_); }

 private:
  pid_t pid_ = 0;
  FILE* output_ = nullptr;
};

constexpr const char* load = "benchmarks/load/load";

std::string port_in(const std::string& line) {
  EXPECT_EQ(line.rfind("listening on 127.0.0.1:", 0), 0u) << line;
  return std::to_string(std::stoi(line.substr(line.rfind(':') + 1)));
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class echo_load : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(loops, echo_load, testing::Values("any", "epoll"));

TEST_P(echo_load, keeps_many_connections_busy_without_an_error) {
  program server({"benchmarks/echo/raw_epoll", "--port", "0"});
  const std::string port = port_in(server.line());
  for (const char* size : {"1", "64", "100000"}) {
    program client({load, "echo", "--port", port, "--connections", "150", "--size", size,
                    "--duration", "0.5", "--warmup", "0.1", "--server-pid", server.pid(), "--loop",
                    GetParam(), "--json", "-"});
    const std::string report = client.line();
    EXPECT_EQ(client.exit_status(), 0) << report;
    EXPECT_TRUE(contains(report, "\"errors\": 0,")) << report;
    EXPECT_TRUE(contains(report, "\"cpu_ns_per_message\": ")) << report;
  }
}

TEST_P(echo_load, says_that_nobody_listens) {
  program client({load, "echo", "--port", "1", "--connections", "2", "--duration", "0.1", "--loop",
                  GetParam(), "--json", "-"});
  const std::string report = client.line();
  EXPECT_EQ(client.exit_status(), 1);
  EXPECT_TRUE(contains(report, "\"first_error\": \"connect: Connection refused\"")) << report;
}

// Answers every request on one connection with the same bytes.
class canned_server {
 public:
  explicit canned_server(std::string response) : response_(std::move(response)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address_), size), 0);
    EXPECT_EQ(listen(listener_, 16), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address_), &size), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~canned_server() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }

  std::string port() const { return std::to_string(ntohs(address_.sin_port)); }

 private:
  void serve() {
    for (;;) {
      const int fd = accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      std::array<char, 4096> bytes{};
      std::size_t ends = 0;
      for (ssize_t n = 0; (n = recv(fd, bytes.data(), bytes.size(), 0)) > 0;) {
        std::string responses;
        for (ssize_t i = 0; i < n; i++) {
          const char expected = ends % 2 == 0 ? '\r' : '\n';
          ends = bytes[static_cast<std::size_t>(i)] == expected ? ends + 1 : 0;
          if (ends == 4) responses += response_;
          ends %= 4;
        }
        if (send(fd, responses.data(), responses.size(), MSG_NOSIGNAL) < 0) break;
        if (contains(responses, "Connection: close")) break;
      }
      close(fd);
    }
  }

  std::string response_;
  int listener_ = -1;
  sockaddr_in address_{};
  std::thread thread_;
};

std::string http_report(const canned_server& server, const char* depth, int expected_exit) {
  program client({load, "http", "--port", server.port(), "--path", "/x", "--depth", depth,
                  "--connections", "1", "--duration", "0.5", "--warmup", "0", "--json", "-"});
  const std::string report = client.line();
  EXPECT_EQ(client.exit_status(), expected_exit) << report;
  return report;
}

TEST(http_load, reads_pipelined_responses) {
  const canned_server server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  for (const char* depth : {"1", "16"}) {
    const std::string report = http_report(server, depth, 0);
    EXPECT_TRUE(contains(report, "\"errors\": 0,")) << report;
    EXPECT_TRUE(contains(report, "\"reconnects\": 0")) << report;
  }
}

TEST(http_load, connects_anew_when_the_server_says_that_it_closes) {
  const canned_server server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  const std::string report = http_report(server, "1", 0);
  EXPECT_TRUE(contains(report, "\"errors\": 0,")) << report;
  EXPECT_FALSE(contains(report, "\"reconnects\": 0")) << report;
}

TEST(http_load, counts_other_statuses_as_errors) {
  const canned_server server("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  const std::string report = http_report(server, "1", 1);
  EXPECT_TRUE(contains(report, "\"first_error\": \"status 404 instead of 200\"")) << report;
}

TEST(load, explains_a_command_line_that_it_cannot_follow) {
  program client({load, "echo", "--port", "70000"});
  EXPECT_EQ(client.exit_status(), 2);
}

}  // namespace
