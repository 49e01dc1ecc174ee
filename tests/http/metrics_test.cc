#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include "gyre/tests/http/client.h"
#include "gyre/tests/http/server_process.h"

// What /metrics says about the backend of each loop, and /tasks about the tasks on it.
namespace http {
namespace {

std::string label(const std::string& name, const std::string& value) {
  return name + "=\"" + value + "\"";
}

/// A server whose environment has GYRE_WITHOUT.
class server_without {
 public:
  explicit server_without(const char* names, std::vector<std::string> options) {
    setenv("GYRE_WITHOUT", names, 1);
    options.insert(options.end(), {"--root", root_.path(), "--cores", "2", "--stats"});
    process.emplace(options);
    unsetenv("GYRE_WITHOUT");
  }
  /// What it says at its end.
  std::string end() {
    process->send_signal(SIGTERM);
    EXPECT_EQ(process->wait(), 0) << process->errors();
    return process->output();
  }

 private:
  const temporary_directory root_;

 public:
  std::optional<server_process> process;
};

TEST(metrics, name_the_backend_of_each_loop) {
  for (const char* backend : {"uring", "epoll", "threads"}) {
    server_without server("", {"--backend", backend});
    EXPECT_EQ(server.process->metric("gyre_backend_info", label("backend", backend)), 2U);
    EXPECT_EQ(server.process->metric("gyre_backend_info", "reason"), 0U);
    EXPECT_GE(server.process->metric("gyre_backend_obtained", label("core", "1")), 1U);
    server.end();
  }
}

TEST(metrics, tell_of_each_kind_of_operation) {
  server_without server("", {});
  const std::string recv = label("operation", "recv");
  (void)get(server.process->port(), "/metrics");
  EXPECT_GE(server.process->metric("gyre_operations_started_total", recv), 2U);
  EXPECT_GE(server.process->metric("gyre_operation_seconds_count", recv), 2U);
  EXPECT_GE(server.process->metric("gyre_operation_seconds_bucket", recv + ",le=\"+Inf\""), 2U);
  EXPECT_EQ(server.process->metric("gyre_operations_failed_total", recv), 0U);
  EXPECT_EQ(server.process->metric("gyre_operations_started_total", label("operation", "nop")), 0U);
  const std::string output = server.end();
  EXPECT_NE(output.find("\nrecv: "), std::string::npos) << output;
  EXPECT_NE(output.find(" started, 0 failed, "), std::string::npos) << output;
}

TEST(metrics, tell_of_latency_classes_where_there_are_any) {
  const std::string background = label("class", "background");
  server_without with_one("", {"--background-shares", "10"});
  const server_process& process = *with_one.process;
  (void)get(process.port(), "/");
  EXPECT_EQ(process.metric("gyre_class_shares", background), 20U) << "10 on each core";
  EXPECT_EQ(process.metric("gyre_class_shares", label("class", "default")), 200U);
  EXPECT_GE(process.metric("gyre_class_resumed_total", background), 2U);
  EXPECT_GE(process.metric("gyre_class_delay_seconds_count", background), 2U);
  EXPECT_NE(get(process.port(), "/tasks").body.find("in class background"), std::string::npos);
  const std::string output = with_one.end();
  EXPECT_NE(output.find("\nbackground: 10 shares, 0 tasks, resumed "), std::string::npos) << output;
  server_without with_none("", {});
  EXPECT_EQ(with_none.process->metric("gyre_class_shares", "core"), 0U);
  EXPECT_EQ(with_none.end().find("shares"), std::string::npos);
}

TEST(metrics, say_what_is_switched_off_and_why) {
  server_without server("recv,openat2,registered_ring", {"--backend", "uring"});
  const server_process& process = *server.process;
  const std::string why = label("why", "GYRE_WITHOUT");
  const std::string off = label("feature", "registered_ring") + "," + why;
  EXPECT_EQ(process.metric("gyre_ring_feature", label("feature", "linked_submissions")), 2U);
  EXPECT_EQ(process.metric("gyre_ring_feature", off), 0U);
  EXPECT_EQ(process.metric("gyre_emulated_operation",
                           label("operation", "openat2") + "," + label("how", "pool") + "," + why),
            2U);
  EXPECT_EQ(process.metric("gyre_emulated_operation", label("operation", "recv") + "," +
                                                          label("how", "system call, then poll") +
                                                          "," + why),
            2U);
  EXPECT_EQ(process.metric("gyre_ring_opcode", "opcode=\"26 (send"), 2U);
  EXPECT_EQ(process.metric("gyre_ring_opcode", "openat2"), 0U);
  const answer page = get(process.port(), "/metrics");
  EXPECT_NE(page.body.find("gyre_ring_feature{core=\"0\"," + off + "} 0\n"), std::string::npos)
      << page.body;
  const std::string output = server.end();
  EXPECT_NE(output.find("emulated: openat2 (pool), because: GYRE_WITHOUT\n"), std::string::npos)
      << output;
  EXPECT_NE(output.find("registered_ring (GYRE_WITHOUT)"), std::string::npos) << output;
  EXPECT_NE(output.find("quirks of this kernel (docs/quirks.md): "), std::string::npos) << output;
}

TEST(metrics, say_why_there_is_no_uring) {
  server_without server("read", {"--backend", "auto"});
  EXPECT_EQ(server.process->metric(
                "gyre_backend_info",
                label("backend", "epoll") + "," +
                    label("reason",
                          "io_uring can't be used: Operation not supported (errno 95): "
                          "GYRE_WITHOUT has an opcode that all others rest on")),
            2U);
  server.end();
}

TEST(metrics, a_name_that_cannot_be_switched_off_ends_the_server_with_a_sentence) {
  server_without server("receive", {"--backend", "threads"});
  EXPECT_EQ(server.process->port(), 0);
  EXPECT_EQ(server.process->wait(), 1);
  EXPECT_EQ(
      server.process->errors().find("http_server: GYRE_WITHOUT has \"receive\", which can't "), 0U)
      << server.process->errors();
}

TEST(tasks, are_listed_with_what_they_wait_for_on_each_core) {
  server_without server("", {});
  client idle(server.process->port());
  idle.send("GET /plaintext HTTP/1.1\r\n");  // and no end of it
  std::string text;
  std::string missing;
  for (int attempts = 100; attempts > 0; --attempts) {  // it takes the connection when it likes
    text = get(server.process->port(), "/tasks").body;
    missing.clear();
    for (const char* part : {"core 0\n", "\ncore 1\n", "task waits for recv on descriptor ",
                             "task waits for accept on descriptor ", "task waits for scope, ",
                             "examples/http/connection.cc:", "http::server::serve"})
      if (text.find(part) == std::string::npos) missing = part;
    if (missing.empty()) break;
  }
  EXPECT_EQ(missing, "") << text;
  server.end();
}

}  // namespace
}  // namespace http
