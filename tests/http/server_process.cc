#include "gyre/tests/http/server_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "gyre/tests/http/client.h"

extern char** environ;

namespace http {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// More than any of this takes on a machine that is busy, under a sanitizer.
constexpr auto patience = 60s;

std::string program(const std::string& example) {
  const char* runfiles = std::getenv("TEST_SRCDIR");
  const char* workspace = std::getenv("TEST_WORKSPACE");
  if (!runfiles || !workspace) throw std::runtime_error("run this by bazel test");
  return std::string(runfiles) + "/" + workspace + "/examples/" + example;
}

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe2");
  return ends;
}

enum class reading { more, end, late };

/// Appends what comes within the time.
reading read_more(int fd, std::string& text) {
  pollfd readable = {fd, POLLIN, 0};
  if (poll(&readable, 1, std::chrono::milliseconds(patience).count()) <= 0) return reading::late;
  std::array<char, 4096> buffer;
  const ssize_t count = read(fd, buffer.data(), buffer.size());
  if (count <= 0) return reading::end;
  text.append(buffer.data(), static_cast<std::size_t>(count));
  return reading::more;
}

/// Appends all that comes; false when the end did not come in time.
bool read_to_end(int fd, std::string& text) {
  reading last = reading::more;
  while (last == reading::more) last = read_more(fd, text);
  return last == reading::end;
}

}  // namespace

server_process::server_process(std::vector<std::string> arguments, const std::string& example) {
  start(example, arguments);
  constexpr std::string_view listening = "listening on ";
  while (output_.find('\n') == std::string::npos && read_more(output_fd_, output_) == reading::more)
    continue;
  const std::size_t line_end = output_.find('\n');
  if (!output_.starts_with(listening) || line_end == std::string::npos) return;
  const std::size_t colon = output_.rfind(':', line_end);
  std::from_chars(output_.data() + colon + 1, output_.data() + line_end, port_);
  output_.erase(0, line_end + 1);
}

void server_process::start(const std::string& example, const std::vector<std::string>& arguments) {
  const auto out = make_pipe();
  const auto err = make_pipe();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
  std::vector<std::string> words = {program(example)};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int error = posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  close(err[1]);
  output_fd_ = out[0];
  errors_fd_ = err[0];
  if (error != 0) throw std::system_error(error, std::generic_category(), words[0]);
}

server_process::~server_process() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    wait();
    // The test ended early: perhaps because the server did, and said why.
    std::fputs(errors_.c_str(), stderr);
  }
  close(output_fd_);
  close(errors_fd_);
}

void server_process::send_signal(int number) const {
  kill(pid_, number);
}

int server_process::wait() {
  // The pipes have no other writer: they end when it does.
  const bool in_time = read_to_end(output_fd_, output_) && read_to_end(errors_fd_, errors_);
  if (!in_time) kill(pid_, SIGKILL);
  int status = 0;
  waitpid(std::exchange(pid_, -1), &status, 0);
  if (!in_time) return -1000;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::size_t server_process::descriptors() const {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& each :
       fs::directory_iterator("/proc/" + std::to_string(pid_) + "/fd"))
    ++count;
  return count;
}

std::size_t server_process::memory_peak() const {
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  for (std::string line; std::getline(status, line);) {
    std::istringstream words(line);
    std::string name;
    std::size_t kibibytes = 0;
    if (words >> name >> kibibytes && name == "VmHWM:") return kibibytes << 10;
  }
  return 0;
}

std::uint64_t server_process::metric(std::string_view name, std::string_view label) const {
  client connection(port_);
  connection.send("GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
  std::istringstream lines(connection.receive().body);
  std::uint64_t sum = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t name_end = line.find_first_of("{ ");
    if (line.substr(0, name_end) != name || line.find(label) == std::string::npos) continue;
    std::uint64_t value = 0;
    std::from_chars(line.data() + line.rfind(' ') + 1, line.data() + line.size(), value);
    sum += value;
  }
  return sum;
}

bool server_process::has_no_connections() const {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (metric("http_connections_open") > 1)
    if (std::chrono::steady_clock::now() > end) return false;
  return true;
}

temporary_directory::temporary_directory() {
  const char* parent = std::getenv("TEST_TMPDIR");
  path_ = std::string(parent ? parent : "/tmp") + "/http.XXXXXX";
  if (!mkdtemp(path_.data())) throw std::system_error(errno, std::generic_category(), path_);
}

temporary_directory::~temporary_directory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string temporary_directory::write(std::string_view name, std::string_view content) const {
  const fs::path path = fs::path(path_) / name;
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
  return path.string();
}

std::string pattern(std::size_t size) {
  std::string made(size, '\0');
  std::uint32_t state = 1;
  for (char& c : made) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return made;
}

}  // namespace http
