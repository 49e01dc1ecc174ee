#include "gyre/io/kill_switches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/io/choose_backend.h"
#include "gyre/io/uring_backend.h"
#include "gyre/runtime/backend_report.h"
#include "gyre/tests/io/sandbox.h"

namespace gyre {
namespace {

/// The summary of a backend's report, or the sentence of its refusal, and then what was logged.
std::string told_without(const std::string& names, backend_choice choice,
                         const uring_options& options = uring_options()) {
  return in_child([&] {
    setenv("GYRE_WITHOUT", names.c_str(), 1);
    std::string log;
    try {
      const auto made = make_backend(choice, options, [&log](std::string_view sentence) {
        log.append("; ").append(sentence);
      });
      return made->report().summary() + log;
    } catch (const backend_error& refused) {
      return std::string(refused.what());
    }
  });
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(kill_switches, an_operation_stands_for_its_opcode) {
  const std::string told = told_without("openat2,recv", backend_choice::uring);
  EXPECT_EQ(told.find("io_uring, "), 0U) << told;
  EXPECT_TRUE(contains(told, "emulated: ")) << told;
  EXPECT_TRUE(contains(told, " openat2 ")) << told;
  EXPECT_TRUE(contains(told, " recv_exactly ")) << told;
  EXPECT_FALSE(contains(told, " connect")) << told;
}

TEST(kill_switches, each_feature_is_switched_off_and_said_to_be) {
  for (const auto& [feature, name] : ring_features) {
    const std::string text = in_child([&] {
      setenv("GYRE_WITHOUT", std::string(name).c_str(), 1);
      return make_backend(backend_choice::uring, uring_options(), {})->report().text();
    });
    EXPECT_TRUE(contains(text, std::string(name) + " (GYRE_WITHOUT)")) << text;
  }
}

TEST(kill_switches, what_a_ring_is_told_to_do_without_it_does_without) {
  for (const auto& [feature, name] : ring_features)
    EXPECT_FALSE(ring::create(ring_size(), {feature}).value()->features().has(feature)) << name;
}

TEST(kill_switches, all_at_once_leave_a_ring) {
  std::string names;
  for (const auto& [feature, name] : ring_features) names.append(name).append(",");
  const std::string told = told_without(names + "send", backend_choice::uring);
  EXPECT_EQ(told.find("io_uring, "), 0U) << told;
  EXPECT_TRUE(contains(told, "cooperative task work")) << told;
  for (const auto& [feature, name] : ring_features) EXPECT_FALSE(contains(told, name)) << told;
}

TEST(kill_switches, without_what_a_ring_rests_on_automatic_takes_epoll_and_says_whose_will_it_is) {
  const std::string told = told_without("read", backend_choice::automatic);
  EXPECT_EQ(told.find("epoll, "), 0U) << told;
  EXPECT_TRUE(contains(told,
                       "because io_uring can't be used: Operation not supported (errno 95): "
                       "GYRE_WITHOUT has an opcode that all others rest on; using epoll"))
      << told;
}

TEST(kill_switches, without_what_a_ring_rests_on_a_forced_one_is_refused) {
  EXPECT_EQ(
      told_without("poll", backend_choice::uring),
      "io_uring can't be used: Operation not supported (errno 95): GYRE_WITHOUT has an opcode "
      "that all others rest on; leave nop, raw, poll, read and async_cancel out of it");
  uring_options options;
  options.without = uring_backend::indispensable();
  EXPECT_TRUE(contains(told_without("", backend_choice::uring, options),
                       "uring_options::without has an opcode that all others rest on"));
}

TEST(kill_switches, a_name_that_is_none_is_refused_whatever_the_backend) {
  for (const backend_choice choice : {backend_choice::automatic, backend_choice::uring,
                                      backend_choice::epoll, backend_choice::threads}) {
    const std::string told = told_without("openat2,receive", choice);
    EXPECT_EQ(told.find("GYRE_WITHOUT has \"receive\", which can't be switched off: expected some "
                        "of registered_ring, "),
              0U)
        << told;
    EXPECT_TRUE(contains(told, ", recv, ")) << told;
  }
}

TEST(kill_switches, a_system_call_on_every_kernel_is_no_name) {
  EXPECT_TRUE(kill_switches().add("accept").has_value());
  EXPECT_TRUE(kill_switches().add("recv,,send").has_value());
  EXPECT_FALSE(kill_switches().add("").has_value());
}

}  // namespace
}  // namespace gyre
