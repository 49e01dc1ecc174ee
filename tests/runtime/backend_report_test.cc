#include "gyre/runtime/backend_report.h"

#include <gtest/gtest.h>

namespace gyre {
namespace {

backend_report example() {
  backend_report report("uring", "io_uring");
  report.obtained = {"8/16 entries", "up to 4 threads"};
  report.features.emplace_back("no_iowait", "");
  report.features.emplace_back("no_sqarray", "the kernel lacks it");
  report.opcodes = {"0 (nop)", "22 (read, read_at)"};
  report.opcodes_known = 3;
  report.emulated.emplace_back("waitid", "system call, then poll", "the kernel lacks opcode 50");
  report.emulated.emplace_back("openat2", "pool", "GYRE_WITHOUT");
  report.not_submitted_alone = 30;
  return report;
}

TEST(backend_report, its_summary_is_one_line) {
  EXPECT_EQ(example().summary(),
            "io_uring, 8/16 entries, up to 4 threads, no_iowait, emulated: waitid openat2");
}

TEST(backend_report, its_text_has_a_reason_for_whatever_is_missing) {
  EXPECT_EQ(
      example().text(),
      "backend: uring\n"
      "obtained: 8/16 entries, up to 4 threads\n"
      "features: no_iowait\n"
      "without: no_sqarray (the kernel lacks it)\n"
      "opcodes: 2 of 3 known: 0 (nop), 22 (read, read_at)\n"
      "emulated: waitid (system call, then poll), because: the kernel lacks opcode 50\n"
      "emulated: openat2 (pool), because: GYRE_WITHOUT\n"
      "by policy: 30 operations are system calls unless linked: each would cost a kernel worker\n");
}

TEST(backend_report, says_why_there_is_no_better_backend) {
  backend_report report("threads", "threads");
  report.reason = "nothing else works";
  EXPECT_EQ(report.summary(), "threads, because nothing else works");
  EXPECT_EQ(report.text(), "backend: threads\nno better one, because: nothing else works\n");
}

}  // namespace
}  // namespace gyre
