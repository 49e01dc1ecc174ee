#include "gyre/io/process.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "gyre/io/process_ops.h"
#include "gyre/io/system_call.h"
#include "gyre/runtime/loop.h"

namespace gyre {
namespace {

constexpr std::size_t first_pipe_of_child = 1;  // it reads number 0, and writes the others

bool contains_nul(const std::string& text) noexcept {
  return text.find('\0') != std::string::npos;
}

/// One standard stream on its way to the child.
class stream_ends {
 public:
  stream_ends() noexcept {}

  descriptor here;
  descriptor of_child;
};

// The child's end blocks, as programs expect; ours does as the backend wants it.
result<void> open_pipe(stream_ends& ends, bool child_reads) {
  std::array<int, 2> made{};
  if (pipe2(made.data(), O_CLOEXEC) != 0) return errno_error(errno);
  ends.of_child = descriptor(made[child_reads ? 0 : 1]);
  ends.here = descriptor(made[child_reads ? 1 : 0]);
  if (loop::current().kernel().nonblocking()) fcntl(ends.here.number(), F_SETFL, O_NONBLOCK);
  return {};
}

result<void> open_null(stream_ends& ends) {
  ends.of_child = descriptor(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!ends.of_child.is_open()) return errno_error(errno);
  return {};
}

}  // namespace

process::process(process&& other) noexcept
    : input(std::move(other.input)),
      output(std::move(other.output)),
      error(std::move(other.error)),
      number_(other.number_),
      pidfd_(std::move(other.pidfd_)),
      ended_(other.ended_) {}

process& process::operator=(process&& other) noexcept {
  if (this == &other) return *this;
  end();
  input = std::move(other.input);
  output = std::move(other.output);
  error = std::move(other.error);
  number_ = other.number_;
  pidfd_ = std::move(other.pidfd_);
  ended_ = other.ended_;
  return *this;
}

task<result<process>> process::spawn(std::vector<std::string> arguments, spawn_options options) {
  if (arguments.empty()) co_return std::errc::invalid_argument;
  op::spawn_request request;
  request.program = arguments.front();
  request.arguments = std::move(arguments);
  request.directory = std::move(options.directory);
  request.inherits_environment = !options.environment;
  if (options.environment) request.environment = *std::move(options.environment);
  if (std::ranges::any_of(request.arguments, contains_nul) ||
      std::ranges::any_of(request.environment, contains_nul) || contains_nul(request.directory))
    co_return std::errc::invalid_argument;

  std::array<stream_ends, 3> streams;
  const std::array<const child_stream*, 3> wanted = {&options.input, &options.output,
                                                     &options.error};
  for (std::size_t i = 0; i < streams.size(); ++i) {
    result<void> opened;
    if (wanted[i]->how_ == child_stream::kind::piped)
      opened = open_pipe(streams[i], i < first_pipe_of_child);
    else if (wanted[i]->how_ == child_stream::kind::null)
      opened = open_null(streams[i]);
    if (!opened) co_return opened.error();
    const bool given = wanted[i]->how_ == child_stream::kind::given;
    const int source = given ? wanted[i]->number_ : streams[i].of_child.number();
    if (given || source >= 0) request.redirections.emplace_back(static_cast<int>(i), source);
  }
  request.redirections.insert(request.redirections.end(), options.redirections.begin(),
                              options.redirections.end());

  auto started = co_await op::spawn(request);
  if (!started) co_return started.error();
  process made(started->number, std::move(started->pidfd));
  made.input = std::move(streams[0].here);
  made.output = std::move(streams[1].here);
  made.error = std::move(streams[2].here);
  co_return made;
}

task<result<exit_status>> process::wait() {
  if (ended_) co_return *ended_;
  const auto ended = co_await op::waitid(pidfd_);
  if (!ended) co_return ended.error();
  ended_ = exit_status(*ended);
  co_return *ended_;
}

result<void> process::kill(int signal) noexcept {
  if (ended_) return std::errc::no_such_process;
  if (syscall(SYS_pidfd_send_signal, pidfd_.number(), signal, nullptr, 0) != 0)
    return errno_error(errno);
  return {};
}

// What may not be killed may never end, and would hold the loop up as long.
void process::end() noexcept {
  if (!pidfd_.is_open() || ended_) return;
  const bool killed = kill(SIGKILL).has_value();
  const auto pidfd = static_cast<id_t>(pidfd_.number());
  const int how = killed ? WEXITED : WEXITED | WNOHANG;
  siginfo_t ignored;
  system_call([&] { return waitid(P_PIDFD, pidfd, &ignored, how); });
}

}  // namespace gyre
