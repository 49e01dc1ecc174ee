#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include "gyre/tests/http/client.h"
#include "gyre/tests/http/server_process.h"

// The examples as they are started in a container that has no io_uring.
namespace gyre {
namespace {

/// From here on io_uring_setup(2) fails with `error`, also after execve(2).
bool forbid_io_uring(int error) {
  std::array<sock_filter, 4> filter = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program = {filter.size(), filter.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/// An example as a child process, on two cores.
class example {
 public:
  /// `error` 0 forbids nothing; `backend` is the value of GYRE_BACKEND.
  example(const std::string& name, int error, const std::string& backend,
          std::vector<std::string> arguments) {
    words_ = {std::string(std::getenv("TEST_SRCDIR")) + "/" + std::getenv("TEST_WORKSPACE") +
                  "/examples/" + name,
              "--cores", "2", "--stats"};
    words_.insert(words_.end(), arguments.begin(), arguments.end());
    if (name == "http_server") words_.insert(words_.end(), {"--root", place_.path()});
    place_.write("file", http::pattern(100'000));
    std::array<int, 2> out{};
    EXPECT_EQ(pipe2(out.data(), O_CLOEXEC), 0);
    std::vector<char*> argv;
    for (std::string& word : words_) argv.push_back(word.data());
    argv.push_back(nullptr);
    const std::string errors = place_.path() + "/errors";
    pid_ = fork();
    if (pid_ == 0) {
      dup2(out[1], STDOUT_FILENO);
      dup2(open(errors.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), STDERR_FILENO);
      setenv("GYRE_BACKEND", backend.c_str(), 1);
      if (error == 0 || forbid_io_uring(error)) execv(argv[0], argv.data());
      _exit(127);
    }
    close(out[1]);
    output_fd_ = out[0];
    while (output_.find('\n') == std::string::npos && read_more()) continue;
    const std::size_t end = output_.find('\n');
    if (end == std::string::npos) return;
    const std::size_t colon = output_.rfind(':', end);
    std::from_chars(output_.data() + colon + 1, output_.data() + end, port);
  }
  example(const example&) = delete;
  example& operator=(const example&) = delete;
  ~example() {
    if (pid_ > 0) end();
    close(output_fd_);
  }

  /// Asks it to end, and gives its exit status, or minus the signal that killed it.
  int end() {
    kill(pid_, SIGTERM);
    while (read_more()) continue;
    int status = 0;
    waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  const std::string& output() const { return output_; }
  std::string errors() const {
    std::ifstream file(place_.path() + "/errors");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::uint16_t port = 0;  ///< 0 when it does not listen

 private:
  bool read_more() {
    std::array<char, 4096> piece;
    const ssize_t size = read(output_fd_, piece.data(), piece.size());
    if (size > 0) output_.append(piece.data(), static_cast<std::size_t>(size));
    return size > 0;
  }

  const http::temporary_directory place_;
  std::vector<std::string> words_;
  pid_t pid_ = -1;
  int output_fd_ = -1;
  std::string output_;
};

void expect_service(const std::string& name, std::uint16_t port) {
  ASSERT_NE(port, 0);
  if (name == "http_server") {
    const http::answer plain = http::get(port, "/plaintext");
    EXPECT_EQ(plain.status, 200);
    EXPECT_EQ(plain.body, "Hello, World!");
    const http::answer file = http::get(port, "/file");
    EXPECT_EQ(file.status, 200);
    EXPECT_EQ(file.body, http::pattern(100'000));
    return;
  }
  http::client client(port);
  const std::string sent = http::pattern(8'192);
  EXPECT_TRUE(client.send(sent));
  client.half_close();
  EXPECT_EQ(client.receive_all(), sent);
}

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string_view::npos; ++at) ++found;
  return found;
}

std::string number_of(int error) {
  return "(errno " + std::to_string(error) + ")";
}

const auto both = testing::Values("echo_server", "http_server");

class sandbox : public testing::TestWithParam<std::tuple<const char*, int>> {};

INSTANTIATE_TEST_SUITE_P(errnos, sandbox,
                         testing::Combine(both,
                                          testing::Values(EPERM, ENOSYS, EACCES, ENOMEM, EMFILE)));

TEST_P(sandbox, without_an_option_it_serves_and_says_once_why_not_by_io_uring) {
  const auto [name, error] = GetParam();
  example server(name, error, "", {});
  expect_service(name, server.port);
  EXPECT_EQ(server.end(), 0);
  const std::string errors = server.errors();
  EXPECT_EQ(count(errors, "gyre: using epoll, because io_uring can't be used: "), 1U) << errors;
  EXPECT_EQ(count(errors, "gyre: "), 1U) << errors;
  EXPECT_NE(errors.find(number_of(error)), std::string::npos) << errors;
  EXPECT_EQ(count(server.output(), "backend: epoll\n"), 2U) << server.output();
}

TEST_P(sandbox, told_to_use_io_uring_it_ends_with_the_errno_and_a_remedy) {
  const auto [name, error] = GetParam();
  example server(name, error, "", {"--backend", "uring"});
  EXPECT_EQ(server.port, 0);
  EXPECT_GT(server.end(), 0);
  const std::string errors = server.errors();
  EXPECT_EQ(errors.find(std::string(name) + ": io_uring can't be used: "), 0U) << errors;
  const std::string number = number_of(error) + ": ";
  ASSERT_NE(errors.find(number), std::string::npos) << errors;
  EXPECT_GT(errors.size(), errors.find(number) + number.size() + 10) << "no remedy: " << errors;
}

class environment : public testing::TestWithParam<std::tuple<const char*, const char*>> {};

INSTANTIATE_TEST_SUITE_P(backends, environment,
                         testing::Combine(both, testing::Values("uring", "epoll", "threads")));

TEST_P(environment, chooses_the_backend_and_the_bytes_are_the_same) {
  const auto [name, backend] = GetParam();
  example server(name, 0, backend, {});
  expect_service(name, server.port);
  EXPECT_EQ(server.end(), 0);
  EXPECT_EQ(server.errors(), "");
  const std::string report = "backend: " + std::string(backend) + "\n";
  EXPECT_EQ(count(server.output(), report), 2U) << server.output();
}

}  // namespace
}  // namespace gyre
