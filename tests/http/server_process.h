#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace http {

/// The HTTP server, or another of the examples, as a child process, as a user starts it.
class server_process {
 public:
  /// Starts it with these arguments. `port()` is 0 when it ended instead of listening.
  explicit server_process(std::vector<std::string> arguments,
                          const std::string& example = "http_server");
  server_process(const server_process&) = delete;
  server_process& operator=(const server_process&) = delete;
  /// Kills it if it still runs.
  ~server_process();

  std::uint16_t port() const noexcept { return port_; }
  pid_t pid() const noexcept { return pid_; }

  void send_signal(int number) const;
  /// Waits for its end: the exit status, or minus the signal that killed it; -1000 when it has not
  /// ended in time, and is killed.
  int wait();
  /// What it wrote to standard error, and to standard output behind the line about its port, once
  /// it has ended.
  const std::string& errors() const noexcept { return errors_; }
  const std::string& output() const noexcept { return output_; }

  /// How many descriptors it has.
  std::size_t descriptors() const;
  /// The most memory that it has had at a time, in bytes.
  std::size_t memory_peak() const;
  /// A number of /metrics, summed up over the cores; of a line that has `label` where it is given.
  std::uint64_t metric(std::string_view name, std::string_view label = {}) const;
  /// Whether all connections but the one that asks are gone, now or after some time.
  bool has_no_connections() const;

 private:
  void start(const std::string& example, const std::vector<std::string>& arguments);

  pid_t pid_ = -1;
  int output_fd_ = -1;
  int errors_fd_ = -1;
  std::uint16_t port_ = 0;
  std::string output_;
  std::string errors_;
};

/// A directory that is removed with all that is in it.
class temporary_directory {
 public:
  temporary_directory();
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory();

  const std::string& path() const noexcept { return path_; }
  /// Makes a file with this content, and gives its path.
  std::string write(std::string_view name, std::string_view content) const;

 private:
  std::string path_;
};

/// `size` bytes that differ from place to place, the same each time.
std::string pattern(std::size_t size);

}  // namespace http
