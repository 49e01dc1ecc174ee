#pragma once

#include <csignal>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include "gyre/tests/http/client.h"
#include "gyre/tests/http/server_process.h"

namespace http {

/// A server over an empty root, to be filled. At the end it must be healthy, and end well.
class server_test : public testing::Test {
 protected:
  explicit server_test(std::vector<std::string> options = {}) : server(arguments(options)) {
    EXPECT_NE(server.port(), 0);
  }

  void TearDown() override {
    EXPECT_EQ(get(server.port(), "/plaintext").body, "Hello, World!");
    EXPECT_TRUE(server.has_no_connections());
    server.send_signal(SIGTERM);
    EXPECT_EQ(server.wait(), 0);
    EXPECT_EQ(server.errors(), "");
  }

  std::uint16_t port() const { return server.port(); }

 private:
  std::vector<std::string> arguments(std::vector<std::string> options) const {
    options.insert(options.begin(), {"--root", root.path()});
    return options;
  }

 public:
  const temporary_directory root;
  server_process server;
};

/// The same on each backend.
class server_on_backend : public server_test, public testing::WithParamInterface<const char*> {
 protected:
  server_on_backend() : server_test({"--backend", GetParam()}) {}
};

inline const auto all_backends = testing::Values("uring", "epoll", "threads");

}  // namespace http
