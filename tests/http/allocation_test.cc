#include <array>
#include <cstdint>
#include <string>

#include "gyre/tests/http/server_test.h"

// AddressSanitizer's entry point: there, or null where it does not watch.
extern "C" void __asan_init() __attribute__((weak));

namespace http {
namespace {

class steady_state : public server_on_backend {
 protected:
  /// Calls of operator new so far, and those of them that were for coroutine frames.
  std::array<std::uint64_t, 2> allocations(client& through) {
    through.send("GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n");
    const std::string text = through.receive().body;
    const auto value = [&](const std::string& name) {
      return std::stoull(text.substr(text.find("\n" + name) + 1 + name.size()));
    };
    return {value("process_heap_allocations_total "),
            value("gyre_frame_allocations_total{core=\"0\"} ")};
  }
};
INSTANTIATE_TEST_SUITE_P(backend, steady_state, testing::Values("uring", "epoll"));

TEST_P(steady_state, allocates_nothing_for_a_request) {
  constexpr int requests = 2000;
  const std::string one = "GET /plaintext HTTP/1.1\r\nHost: test\r\n\r\n";
  client connection(port());
  const auto run = [&] {
    for (int i = 0; i < requests; ++i) {
      connection.send(one + one);
      connection.receive();
      connection.receive();
    }
  };
  run();
  allocations(connection);
  const auto first = allocations(connection);
  const auto second = allocations(connection);
  run();
  const auto third = allocations(connection);
  // What /metrics itself takes is the difference between the first two.
  const std::uint64_t frames = third[1] - second[1] - (second[1] - first[1]);
  const std::uint64_t all = third[0] - second[0] - (second[0] - first[0]);
  EXPECT_EQ(all, frames);
  // Under AddressSanitizer frames are not used again, so that it sees a use after free.
  if (!&__asan_init) {
    EXPECT_EQ(frames, 0U);
  }
}

}  // namespace
}  // namespace http
