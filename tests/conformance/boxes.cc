#include "gyre/tests/conformance/boxes.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <gtest/gtest.h>
#include "gyre/io/choose_backend.h"
#include "gyre/tests/io/sandbox.h"

namespace gyre::conformance {
namespace {

constexpr uid_t nobody = 65534;

const std::atomic<unsigned>* enters = nullptr;

void expect_success(int result, const char* call) {
  if (result != 0) throw std::system_error(errno, std::generic_category(), call);
}

std::unique_ptr<backend> automatic() {
  return make_backend(backend_choice::automatic, uring_options(), [](std::string_view) {});
}

/// A directory for temporary files that belongs to nobody; what Bazel gives to a test belongs to
/// who runs it, and may lie where nobody else comes.
class directory_of_nobody {
 public:
  directory_of_nobody() : path_(std::filesystem::temp_directory_path() / "gyre-nobody-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) expect_success(-1, "mkdtemp");
    expect_success(chown(path_.c_str(), nobody, nobody), "chown");
    expect_success(setenv("TEST_TMPDIR", path_.c_str(), 1), "setenv");
  }
  directory_of_nobody(const directory_of_nobody&) = delete;
  directory_of_nobody& operator=(const directory_of_nobody&) = delete;
  ~directory_of_nobody() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

 private:
  std::string path_;
};

/// Root again after the last test, for the report that the tests' environment asks for.
class root_at_the_end : public testing::EmptyTestEventListener {
  void OnEnvironmentsTearDownStart(const testing::UnitTest&) override {
    expect_success(setresuid(0, 0, 0), "setresuid");
  }
};

}  // namespace

void enter_box_without_io_uring(int error) {
  forbid({__NR_io_uring_setup}, error);
}

std::unique_ptr<backend> make_without_io_uring() {
  std::unique_ptr<backend> made = automatic();
  if (std::string_view(made->name()) != "epoll")
    throw std::runtime_error("not epoll, but " + made->report().summary());
  return made;
}

void enter_box_with_failing_enters(int error) {
  enters = fail_at_times(__NR_io_uring_enter, error);
}

std::unique_ptr<backend> make_with_failing_enters() {
  const unsigned before = enters ? enters->load() : 0;
  std::unique_ptr<backend> made = make_backend(backend_choice::uring, uring_options(), {});
  if (enters && *enters == before)
    throw std::runtime_error("a ring was made without entering it: none of its calls fails");
  return made;
}

void enter_box_without_locked_memory() {
  rlimit limit{};
  expect_success(getrlimit(RLIMIT_MEMLOCK, &limit), "getrlimit");
  limit.rlim_cur = 0;
  expect_success(setrlimit(RLIMIT_MEMLOCK, &limit), "setrlimit");
  if (geteuid() != 0) return;
  static const directory_of_nobody directory;
  testing::UnitTest::GetInstance()->listeners().Append(new root_at_the_end);
  expect_success(setresuid(nobody, nobody, 0), "setresuid");
}

std::unique_ptr<backend> make_without_locked_memory() {
  return automatic();
}

}  // namespace gyre::conformance
