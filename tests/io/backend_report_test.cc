#include "gyre/runtime/backend_report.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/io/choose_backend.h"
#include "gyre/io/ring.h"
#include "gyre/io/ring_feature.h"
#include "gyre/io/uring_report.h"
#include "gyre/tests/io/sandbox.h"

// What backends say about themselves.
namespace gyre {
namespace {

constexpr unsigned opcode_of_openat2 = 28;
constexpr unsigned opcode_of_recv = 27;
constexpr unsigned opcode_of_waitid = 50;

backend_report report_of_backend(backend_choice choice,
                                 const uring_options& options = uring_options()) {
  return make_backend(choice, options, [](std::string_view) {})->report();
}

/// `how: why` of an emulated operation; nothing where it isn't.
std::string emulation(const backend_report& report, std::string_view operation) {
  const auto found = std::ranges::find(report.emulated, operation, &emulated_operation::name);
  return found == report.emulated.end() ? "" : found->how + ": " + found->why;
}

std::string why_not(const backend_report& report, std::string_view feature) {
  const auto found = std::ranges::find(report.features, feature, &optional_feature::name);
  return found == report.features.end() ? "not named at all" : found->why_not;
}

bool is_named(const std::vector<std::string>& opcodes, std::string_view operation) {
  return std::ranges::any_of(
      opcodes, [&](const std::string& each) { return each.find(operation) != std::string::npos; });
}

TEST(report_of_uring, names_what_it_got_and_each_feature) {
  const backend_report report = report_of_backend(backend_choice::uring);
  EXPECT_EQ(report.backend, "uring");
  EXPECT_EQ(report.reason, "");
  EXPECT_TRUE(report.obtained.front().ends_with(" entries")) << report.text();
  EXPECT_EQ(report.features.size(), ring_features.size());
  EXPECT_EQ(why_not(report, "linked_submissions"), "");
  EXPECT_GE(report.opcodes_known, report.opcodes.size());
  EXPECT_TRUE(is_named(report.opcodes, "read_at")) << report.text();
  EXPECT_GT(report.not_submitted_alone, 0U);
  EXPECT_EQ(report.summary().find("io_uring, "), 0U);
}

TEST(report_of_uring, says_of_each_feature_that_an_option_switches_it_off) {
  for (const auto& [feature, name] : ring_features) {
    uring_options options;
    options.without_features.add(feature);
    const backend_report report = report_of_backend(backend_choice::uring, options);
    EXPECT_EQ(why_not(report, name), "uring_options::without_features");
  }
}

TEST(report_of_uring, says_that_an_option_switches_an_opcode_off) {
  uring_options options;
  options.without.set(opcode_of_openat2).set(opcode_of_recv);
  const backend_report report = report_of_backend(backend_choice::uring, options);
  EXPECT_EQ(emulation(report, "openat2"), "pool: uring_options::without");
  EXPECT_EQ(emulation(report, "recv_exactly"), "system call, then poll: uring_options::without");
  EXPECT_EQ(emulation(report, "send"), "");
  EXPECT_FALSE(is_named(report.opcodes, "openat2"));
  EXPECT_EQ(why_not(report, "direct_descriptors"), "opcode 27 is not used: uring_options::without");
}

TEST(report_of_uring, says_what_the_kernel_lacks_whatever_else_is_switched_off) {
  const auto made = ring::create(ring_size()).value();
  uring_options options;
  options.without.set(opcode_of_waitid);
  const opcode_set had = made->opcodes() & ~opcode_set().set(opcode_of_waitid);
  const backend_report report = report_of(*made, had, options, kill_switches(), true);
  EXPECT_EQ(emulation(report, "waitid"), "system call, then poll: the kernel lacks opcode 50");
  EXPECT_EQ(why_not(report, "direct_descriptors"), "the kernel or a sandbox refuses it");
}

TEST(report_of_uring, says_what_a_sandbox_refuses_and_hides) {
  const std::string told = in_child([] {
    forbid({__NR_io_uring_register}, EPERM);
    const backend_report report = report_of_backend(backend_choice::uring);
    // Those alone that this liburing does not know.
    for (const emulated_operation& each : report.emulated)
      if (!each.why.starts_with("a sandbox hides whether the kernel has opcode ")) return each.why;
    return why_not(report, "registered_ring");
  });
  EXPECT_EQ(told, "the kernel or a sandbox refuses it");
}

TEST(report_of_epoll, has_no_reason_where_it_was_asked_for) {
  const backend_report report = report_of_backend(backend_choice::epoll);
  EXPECT_EQ(report.backend, "epoll");
  EXPECT_EQ(report.reason, "");
  EXPECT_TRUE(report.features.empty());
  EXPECT_EQ(report.opcodes_known, 0U);
  EXPECT_EQ(report.summary().find("epoll, "), 0U);
}

TEST(report_of_epoll, says_why_it_is_not_uring) {
  const std::string told = in_child([] {
    forbid({__NR_io_uring_setup}, EPERM);
    return report_of_backend(backend_choice::automatic).text();
  });
  EXPECT_EQ(told.find("backend: epoll\nno better one, because: io_uring can't be used: Operation "
                      "not permitted (errno 1)\nobtained: "),
            0U)
      << told;
}

TEST(report_of_threads, says_why_it_is_neither_of_the_others) {
  EXPECT_EQ(report_of_backend(backend_choice::threads).reason, "");
  const std::string told = in_child([] {
    forbid({__NR_io_uring_setup, __NR_epoll_create1}, ENOSYS);
    const backend_report report = report_of_backend(backend_choice::automatic);
    return report.backend + ": " + report.reason;
  });
  EXPECT_EQ(told,
            "threads: io_uring can't be used: Function not implemented (errno 38), and epoll can't "
            "be used: Function not implemented (errno 38)");
}

}  // namespace
}  // namespace gyre
