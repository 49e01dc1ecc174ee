#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "gyre/tests/http/server_test.h"

// A thousand of each sort of bad client, after which nothing may be left of them.
namespace http {
namespace {

using namespace std::chrono_literals;

constexpr int clients_in_all = 1000;
constexpr int clients_at_a_time = 200;

// The server keeps some pipes, each with two ends.
constexpr std::size_t descriptors_kept = 128;

class bad_clients : public server_test, public testing::WithParamInterface<const char*> {
 protected:
  bad_clients()
      : server_test({"--backend", GetParam(), "--head-timeout", "0.5", "--body-timeout", "0.5",
                     "--idle-timeout", "0.5", "--write-timeout", "0.5"}) {
    root.write("large", std::string(3 << 20, 'l'));
    root.write("small", "small");
    EXPECT_EQ(get(port(), "/large").body.size(), std::size_t{3} << 20);
    descriptors_before_ = server.descriptors();
  }

  /// Has each client act, and lets go of it after all of its batch have.
  void act(const std::function<void(client&)>& one) {
    for (int done = 0; done < clients_in_all; done += clients_at_a_time) {
      std::vector<client> batch;
      for (int i = 0; i < clients_at_a_time; ++i) batch.emplace_back(port());
      for (client& each : batch) one(each);
      if (patient) {
        EXPECT_TRUE(server.has_no_connections());
      }
    }
  }

  /// Whether the clients wait until the server drops them.
  bool patient = false;

  void TearDown() override {
    EXPECT_TRUE(server.has_no_connections());
    EXPECT_LE(server.descriptors(), descriptors_before_ + descriptors_kept);
    EXPECT_EQ(get(port(), "/large").body.size(), std::size_t{3} << 20);
    EXPECT_EQ(server.metric("gyre_backend_stale_total"), 0U);
    EXPECT_GT(server.metric("http_connections_accepted_total"), std::uint64_t{clients_in_all});
    server_test::TearDown();
  }

 private:
  std::size_t descriptors_before_ = 0;
};
INSTANTIATE_TEST_SUITE_P(backend, bad_clients, all_backends);

TEST_P(bad_clients, that_reset) {
  act([](client& each) { each.reset(); });
}

TEST_P(bad_clients, that_reset_in_a_request) {
  act([](client& each) {
    each.send("GET /small HTTP/1.1\r\nHo");
    each.reset();
  });
}

TEST_P(bad_clients, that_reset_in_a_body) {
  act([](client& each) {
    each.send("POST /small HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\nbody");
    each.reset();
  });
}

TEST_P(bad_clients, that_reset_with_an_answer_on_its_way) {
  act([](client& each) {
    each.send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n");
    each.reset();
  });
}

TEST_P(bad_clients, that_reset_in_a_download) {
  act([](client& each) {
    each.send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n");
    EXPECT_TRUE(each.hears_within(60s));
    each.reset();
  });
}

TEST_P(bad_clients, that_send_no_more_and_wait) {
  act([](client& each) {
    each.send("GET /small HTTP/1.1\r\nHost: test\r\n");
    each.half_close();
  });
}

TEST_P(bad_clients, that_never_finish_a_request) {
  act([](client& each) { each.send("GET /small HTTP/1.1\r\nHost: test\r\nName: v"); });
}

TEST_P(bad_clients, that_say_nothing) {
  act([](client&) {});
}

TEST_P(bad_clients, that_never_read) {
  act([](client& each) {
    each.shrink_receive_buffer(4096);
    each.send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n");
  });
}

TEST_P(bad_clients, that_wait_to_be_dropped) {
  patient = true;
  act([](client& each) {
    each.shrink_receive_buffer(4096);
    each.send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n");
  });
}

TEST_P(bad_clients, that_send_rubbish) {
  const std::string rubbish = pattern(10'000);
  act([&](client& each) { each.send(rubbish); });
}

TEST_P(bad_clients, that_send_too_much) {
  const std::string head = "GET / HTTP/1.1\r\nHost: test\r\nName: " + std::string(60'000, 'v');
  act([&](client& each) { each.send(head); });
}

TEST_P(bad_clients, that_ask_for_what_is_not_there) {
  act([](client& each) {
    each.send("GET /../../etc/passwd HTTP/1.1\r\nHost: test\r\n\r\nGET /%00 HTTP/1.1\r\n\r\n");
    EXPECT_EQ(each.receive().status, 404);
  });
}

}  // namespace
}  // namespace http
