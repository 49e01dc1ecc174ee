#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "gyre/io/uring_backend.h"
#include "gyre/runtime/backend.h"
#include "gyre/runtime/result.h"

namespace gyre {

/// Which backend carries operations to the kernel.
enum class backend_choice {
  automatic,  ///< the best that works here
  uring,      ///< io_uring or nothing
  epoll,      ///< readiness by epoll(7), threads for what blocks
  threads,    ///< a pool of threads and poll(2)
};

/// The names that `parse_backend` takes, for messages.
inline constexpr std::string_view backend_names = "auto, uring, epoll, threads";

/// One of `backend_names`; `invalid_argument` for anything else.
result<backend_choice> parse_backend(std::string_view name) noexcept;

/// No backend could be had. `what()` is a sentence that names the errno, its likely cause and the
/// remedy.
class backend_error : public std::system_error {
 public:
  backend_error(std::error_code error, std::string sentence)
      : std::system_error(error), sentence_(std::move(sentence)) {}
  const char* what() const noexcept override { return sentence_.c_str(); }

 private:
  std::string sentence_;
};

/// Told what whoever runs the program should know: that less was obtained than asked for, in one
/// sentence; tasks that are stuck or hold their loop, in several lines. See `run_options::log`.
using log_hook = std::function<void(std::string_view)>;

/// Tells `log`; where that is empty it goes to standard error, as a line that begins with `gyre: `.
void say(const log_hook& log, std::string_view sentence);

/// Makes a backend for a loop of this thread, or throws `backend_error`. `automatic` takes
/// io_uring, else epoll, else threads, and tells `log` when and why it is not io_uring. The
/// environment variable GYRE_BACKEND, when set, takes the place of `automatic`. What GYRE_WITHOUT
/// names, with commas between the names, the io_uring backend does without: operations of
/// docs/operations.md that have opcodes, which are then not used, and `ring_features`. A name that
/// is none is an error, whatever the backend. Of `uring` other backends heed `spin`.
std::unique_ptr<backend> make_backend(backend_choice choice, const uring_options& uring,
                                      const log_hook& log);

}  // namespace gyre
