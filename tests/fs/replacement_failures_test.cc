#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "gyre/fs/directory.h"
#include "gyre/fs/replacement.h"
#include "gyre/runtime/backend.h"
#include "gyre/runtime/backend_report.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/run_on.h"

// Each operation of a replacement fails once, as a disk that is broken makes it fail.
namespace gyre {
namespace {

/// Makes system calls at once, but for one of them, which fails.
class failing_backend final : public backend {
 public:
  /// The call number `failing` is the one, whose name goes to `failed`.
  failing_backend(int failing, std::string& failed) noexcept
      : calls_left_(failing), failed_(failed) {}

  /// Called after each operation.
  std::function<void()> look;

  bool submit(operation& started) noexcept override {
    ++counters_.submitted;
    ++counters_.completed;
    const bool fails = --calls_left_ == 0;
    if (fails) failed_ = started.name();
    started.conclude(fails ? -EIO : started.perform());
    if (look) look();
    return true;
  }
  void cancel(operation&) noexcept override {}
  void cancel_all(const descriptor_users&) noexcept override {}
  void poll(steady_time) noexcept override {}
  void wake() noexcept override {}
  bool nonblocking() const noexcept override { return false; }
  const char* name() const noexcept override { return "failing"; }
  backend_report report() const override { return {"failing", "failing"}; }
  const backend_counters& counters() const noexcept override { return counters_; }

 private:
  int calls_left_;
  std::string& failed_;
  backend_counters counters_;
};

task<result<void>> replace(std::string path) {
  directory root = (co_await directory::open(std::move(path))).value();
  co_return co_await replace_file(root, "file", std::as_bytes(std::span("new", 3)));
}

class replacement_failures : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/gyre-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    place_ = name;
    write_old();
  }
  void TearDown() override { std::filesystem::remove_all(place_); }

  void write_old() const { std::ofstream(place_ / "file") << old; }
  std::string content() const {
    std::ifstream in(place_ / "file", std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::size_t entries() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(place_))
      count += !entry.path().empty();
    return count;
  }
  result<void> replace_on(std::unique_ptr<failing_backend> kernel) const {
    loop home(std::move(kernel));
    return run_on(home, replace(place_.string()));
  }

  static constexpr std::string_view old = "the old content";

 private:
  std::filesystem::path place_;
};

TEST_F(replacement_failures, leave_the_old_file_and_nothing_else) {
  int failing = 2;  // the first one opens the directory
  std::string failed_last;
  while (true) {
    write_old();
    std::string failed;
    const result<void> replaced = replace_on(std::make_unique<failing_backend>(failing, failed));
    if (failed.empty()) {
      EXPECT_TRUE(replaced);
      break;
    }
    SCOPED_TRACE("operation " + std::to_string(failing) + ", " + failed);
    EXPECT_EQ(replaced.error(), std::errc::io_error);
    // The last one is that which makes the renaming durable.
    EXPECT_TRUE(content() == old || (content() == "new" && failed == "fsync")) << content();
    EXPECT_EQ(entries(), 1U);
    failed_last = failed;
    ++failing;
  }
  EXPECT_EQ(content(), "new");
  EXPECT_EQ(failed_last, "fsync");
  EXPECT_GT(failing, 8) << "less failed than a replacement is made of";
}

TEST_F(replacement_failures, show_no_part_of_a_content_at_any_time) {
  std::string failed;
  auto kernel = std::make_unique<failing_backend>(1000, failed);
  kernel->look = [this] { EXPECT_TRUE(content() == old || content() == "new") << content(); };
  EXPECT_TRUE(replace_on(std::move(kernel)));
  EXPECT_EQ(content(), "new");
}

}  // namespace
}  // namespace gyre
