#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include "gyre/tests/http/client.h"
#include "gyre/tests/http/server_process.h"

// How the server starts, and how it ends.
namespace http {
namespace {

using namespace std::chrono_literals;

const std::string plaintext = "GET /plaintext HTTP/1.1\r\nHost: test\r\n\r\n";

class ending : public testing::TestWithParam<const char*> {
 protected:
  std::vector<std::string> options(std::vector<std::string> more = {}) const {
    more.insert(more.end(), {"--backend", GetParam(), "--root", root.path()});
    return more;
  }
  static bool refuses_connections(const server_process& server) {
    try {
      client late(server.port());
      return late.is_closed();
    } catch (const std::system_error&) {
      return true;
    }
  }

  const temporary_directory root;
};
INSTANTIATE_TEST_SUITE_P(backend, ending, testing::Values("uring", "epoll", "threads"));

TEST_P(ending, closes_idle_connections_at_once) {
  server_process server(options({"--drain", "3600"}));
  client fresh(server.port());
  client used(server.port());
  used.send(plaintext);
  EXPECT_EQ(used.receive().status, 200);
  while (server.metric("http_connections_open") < 3) continue;
  server.send_signal(SIGTERM);
  EXPECT_TRUE(fresh.is_closed());
  EXPECT_TRUE(used.is_closed());
  EXPECT_EQ(server.wait(), 0);
  EXPECT_EQ(server.errors(), "");
}

TEST_P(ending, finishes_what_is_in_progress) {
  const std::string content = pattern(16 << 20);
  root.write("file", content);
  server_process server(options({"--drain", "3600"}));
  client downloading(server.port());
  downloading.shrink_receive_buffer(65536);
  downloading.send("GET /file HTTP/1.1\r\nHost: test\r\n\r\n");
  ASSERT_TRUE(downloading.hears_within(60s));
  client asking(server.port());
  asking.send(plaintext.substr(0, 20));
  while (server.metric("http_connections_open") < 3) continue;
  server.send_signal(SIGINT);
  while (!refuses_connections(server)) continue;
  asking.send(plaintext.substr(20));
  const answer last = asking.receive();
  EXPECT_EQ(last.body, "Hello, World!");
  EXPECT_EQ(last.field("connection"), "close");
  EXPECT_TRUE(asking.is_closed());
  EXPECT_TRUE(downloading.receive().body == content);
  EXPECT_TRUE(downloading.is_closed());
  EXPECT_EQ(server.wait(), 0);
}

TEST_P(ending, waits_for_nobody_longer_than_the_deadline) {
  root.write("file", pattern(32 << 20));
  server_process server(options({"--drain", "0.3"}));
  client never_reading(server.port());
  never_reading.shrink_receive_buffer(4096);
  never_reading.send("GET /file HTTP/1.1\r\nHost: test\r\n\r\n");
  ASSERT_TRUE(never_reading.hears_within(60s));
  client halfway(server.port());
  halfway.send("GET / HT");
  while (server.metric("http_connections_open") < 3) continue;
  const auto start = std::chrono::steady_clock::now();
  server.send_signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 300ms);
}

TEST_P(ending, comes_at_once_with_a_second_signal) {
  server_process server(options({"--drain", "3600", "--cores", "2"}));
  std::vector<client> halfway;
  for (int i = 0; i < 20; ++i) {  // on both cores
    halfway.emplace_back(server.port());
    halfway.back().send("GET / HT");
  }
  while (server.metric("http_connections_open") < 21) continue;
  server.send_signal(SIGTERM);
  while (!refuses_connections(server)) continue;
  server.send_signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
}

TEST_P(ending, tells_what_each_core_did) {
  server_process server(options({"--cores", "2", "--stats"}));
  EXPECT_EQ(get(server.port(), "/plaintext").status, 200);
  EXPECT_EQ(server.metric("gyre_backend_info"), 2U);
  server.send_signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
  EXPECT_NE(server.output().find("core 0: "), std::string::npos) << server.output();
  EXPECT_NE(server.output().find("core 1: "), std::string::npos) << server.output();
}

/// The only line of a server that must not start; its exit status is `status`.
std::string complaint(const std::vector<std::string>& options, int status) {
  server_process server(options);
  EXPECT_EQ(server.port(), 0);
  EXPECT_EQ(server.wait(), status);
  EXPECT_EQ(server.output(), "");
  const std::string line = server.errors();
  EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
  EXPECT_TRUE(line.starts_with("http_server: ")) << line;
  return line;
}

bool contains(const std::string& line, const std::string& part) {
  return line.find(part) != std::string::npos;
}

TEST(starting, says_that_the_port_is_in_use) {
  server_process first({});
  const std::string port = std::to_string(first.port());
  for (const char* cores : {"1", "2"}) {
    const std::string line = complaint({"--port", port, "--cores", cores}, 1);
    EXPECT_TRUE(contains(line, "127.0.0.1:" + port) && contains(line, "in use")) << line;
  }
}

TEST(starting, says_that_the_root_is_no_directory) {
  const temporary_directory directory;
  const std::string file = directory.write("file", "");
  std::string line = complaint({"--root", file}, 2);
  EXPECT_TRUE(contains(line, file) && contains(line, "directory")) << line;
  line = complaint({"--root", file + "/missing"}, 2);
  EXPECT_TRUE(contains(line, file + "/missing") && contains(line, "directory")) << line;
}

TEST(starting, says_what_an_option_should_be) {
  std::string line = complaint({"--backend", "kqueue"}, 2);
  EXPECT_TRUE(contains(line, "kqueue") && contains(line, "uring")) << line;
  line = complaint({"--host", "localhost"}, 2);
  EXPECT_TRUE(contains(line, "localhost") && contains(line, "address")) << line;
  line = complaint({"--port", "65536"}, 2);
  EXPECT_TRUE(contains(line, "65536")) << line;
  line = complaint({"--cores", "0"}, 2);
  EXPECT_TRUE(contains(line, "--cores")) << line;
  line = complaint({"--unknown"}, 2);
  EXPECT_TRUE(contains(line, "--unknown")) << line;
}

TEST(starting, says_that_an_address_is_not_of_this_machine) {
  const std::string line = complaint({"--host", "192.0.2.1"}, 1);
  EXPECT_TRUE(contains(line, "192.0.2.1")) << line;
}

/// Takes io_uring from this thread and from what it starts, as a container does.
void forbid_io_uring() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),           // the number of the system call
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 425, 0, 2),  // io_uring_setup
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 427, 1, 0),  // io_uring_register
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter = {std::size(program), program};
  ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

TEST(starting, does_without_io_uring_unless_told_otherwise) {
  // A filter can't be taken off again, and holds for the thread that sets it: it gets its own.
  std::thread([] {
    forbid_io_uring();
    const std::string line = complaint({"--backend", "uring"}, 1);
    EXPECT_TRUE(contains(line, "io_uring can't be used") && contains(line, "seccomp")) << line;
    server_process server({});
    EXPECT_EQ(get(server.port(), "/plaintext").body, "Hello, World!");
    EXPECT_EQ(server.metric("gyre_backend_info", "backend=\"epoll\""), 1U);
    server.send_signal(SIGTERM);
    EXPECT_EQ(server.wait(), 0);
    EXPECT_TRUE(contains(server.errors(), "epoll")) << server.errors();
    EXPECT_EQ(server.errors().find('\n'), server.errors().size() - 1) << server.errors();
  }).join();
}

}  // namespace
}  // namespace http
