#include "gyre/io/usable_cpus.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace gyre {
namespace {

/// Files as those of a cgroup hierarchy.
class usable_cpus : public ::testing::Test {
 protected:
  usable_cpus() {
    std::string made = ::testing::TempDir() + "cgroup-XXXXXX";
    if (mkdtemp(made.data())) root_ = made;
  }
  ~usable_cpus() override { std::filesystem::remove_all(root_); }

  std::string write(const std::string& path, const std::string& content) {
    const std::filesystem::path file = root_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << content << '\n';
    return file;
  }
  unsigned quota() { return cpu_quota(root_ / "own", root_ / "mount"); }

  std::filesystem::path root_;
};

TEST_F(usable_cpus, are_as_many_as_the_least_quota_above_has_time_for) {
  write("own", "1:cpuset:/elsewhere\n0::/outer/inner");
  EXPECT_EQ(quota(), 0U) << "there are no files";
  write("mount/outer/inner/cpu.max", "max 100000");
  EXPECT_EQ(quota(), 0U);
  write("mount/outer/inner/cpu.max", "250000 100000");
  EXPECT_EQ(quota(), 3U);
  write("mount/outer/cpu.max", "400000 100000");
  EXPECT_EQ(quota(), 3U);
  write("mount/outer/cpu.max", "10000 100000");
  EXPECT_EQ(quota(), 1U);
  write("mount/outer/cpu.max", "100000 50000");
  EXPECT_EQ(quota(), 2U);
}

TEST_F(usable_cpus, are_limited_by_the_topmost_cgroup_in_a_container) {
  write("own", "0::/");
  write("mount/cpu.max", "150000 100000");
  EXPECT_EQ(quota(), 2U);
}

TEST_F(usable_cpus, have_no_quota_where_files_are_missing_or_make_no_sense) {
  EXPECT_EQ(quota(), 0U);
  write("own", "4:cpu:/version/one");
  EXPECT_EQ(quota(), 0U);
  for (const char* content : {"", "max", "100000", "many 100000", "100000 0", "0 100000"}) {
    write("mount/cpu.max", content);
    EXPECT_EQ(quota(), 0U) << content;
  }
}

TEST(allowed_cpus, are_those_of_the_affinity_mask) {
  ASSERT_FALSE(allowed_cpus().empty());
  const int last = allowed_cpus().back();
  std::thread([last] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(allowed_cpus(), std::vector<int>{last});
  }).join();
}

}  // namespace
}  // namespace gyre
