#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <semaphore>
#include <string>
#include <thread>

#include "gyre/io/choose_backend.h"
#include "gyre/runtime/backend_wrapper.h"
#include "gyre/runtime/time.h"

namespace gyre {

/// Reports each task that holds its loop for longer than a limit, with a backtrace of what it does
/// then; see `run_options::stall_limit`. A thread of its own looks twice within the limit whether
/// the loop has gone on, and interrupts the loop's thread by SIGURG where it has not: what ignores
/// that signal by default isn't disturbed by it, and interrupted system calls are restarted where
/// the kernel can do that. The loop itself pays nothing. It wraps the backend, so that it lives as
/// long as the loop.
class stall_detector final : public backend_wrapper {
 public:
  /// Watches the loop that `kernel` is handed to, which has to run on the thread that makes it.
  /// Tells `log`, from the watching thread. Where there is no thread to be had, or SIGURG has a
  /// handler already, that is said too, and stalls go unreported or without a backtrace.
  stall_detector(std::unique_ptr<backend> kernel, std::chrono::nanoseconds limit, log_hook log);
  ~stall_detector() override;

  void attach(loop& home) override;

 private:
  /// The backtrace that is asked of the loop's thread.
  enum class backtrace_state : std::uint8_t { none, asked, being_taken, taken };

  static bool install_handler() noexcept;
  static void handle_signal(int number, siginfo_t* info, void* context) noexcept;
  void take_backtrace(const void* context) noexcept;

  void watch();
  void tell(std::chrono::nanoseconds held, std::uint64_t progress) noexcept;
  bool ask_for_backtrace(std::uint64_t progress) noexcept;
  std::string backtrace_text() const;

  const std::chrono::nanoseconds limit_;
  const log_hook log_;
  const bool interrupts_;
  loop* home_ = nullptr;
  pid_t thread_id_ = 0;

  std::atomic<backtrace_state> backtrace_ = backtrace_state::none;
  std::array<void*, 64> frames_;
  int first_frame_ = 0;
  int end_frame_ = 0;
  std::binary_semaphore answered_{0};

  std::mutex mutex_;
  std::condition_variable ended_;
  bool ending_ = false;
  std::thread watcher_;
};

}  // namespace gyre
