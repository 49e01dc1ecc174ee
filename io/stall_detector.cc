#include "gyre/io/stall_detector.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>
#include <utility>

#include "gyre/runtime/loop.h"

namespace gyre {
namespace {

constexpr int interrupting = SIGURG;

// How long the loop's thread may take to answer: it may be in the kernel, or block the signal.
constexpr std::chrono::milliseconds answer_time(100);

// The instruction that a signal interrupted; null where that isn't known of a processor.
const void* interrupted_at(const void* context) noexcept {
  [[maybe_unused]] const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return reinterpret_cast<const void*>(machine.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return reinterpret_cast<const void*>(machine.pc);
#else
  return nullptr;
#endif
}

/// The stack of this thread's handlers, as long as it lives: the one that is interrupted may be a
/// fiber's, and have little left.
class handlers_stack {
 public:
  static void provide() noexcept { thread_local const handlers_stack provided; }
  handlers_stack(const handlers_stack&) = delete;
  handlers_stack& operator=(const handlers_stack&) = delete;

 private:
  static constexpr std::size_t size = 64 << 10;

  handlers_stack() noexcept {
    stack_t now{};
    if (sigaltstack(nullptr, &now) != 0 || (now.ss_flags & SS_DISABLE) == 0) return;  // it has one
    memory_.reset(new (std::nothrow) std::byte[size]);
    if (!memory_) return;
    stack_t own{};
    own.ss_sp = memory_.get();
    own.ss_size = size;
    sigaltstack(&own, nullptr);
  }
  ~handlers_stack() {
    if (!memory_) return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, nullptr);
  }

  std::unique_ptr<std::byte[]> memory_;
};

std::string in_milliseconds(std::chrono::nanoseconds span) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.3g ms", static_cast<double>(span.count()) / 1e6);
  return text.data();
}

std::string in_hex(std::uintptr_t number) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "0x%zx", static_cast<std::size_t>(number));
  return text.data();
}

std::string demangled(const char* symbol) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(symbol, nullptr, nullptr, &status), std::free);
  return name ? name.get() : symbol;
}

// Its function, where the program exports that name, and what addr2line takes: file and offset.
std::string text_of(void* frame) {
  const auto address = reinterpret_cast<std::uintptr_t>(frame);
  Dl_info found{};
  if (dladdr(frame, &found) == 0 || !found.dli_fname) return in_hex(address);
  std::string text;
  if (found.dli_sname) {
    text = demangled(found.dli_sname) + "+" +
           in_hex(address - reinterpret_cast<std::uintptr_t>(found.dli_saddr)) + " ";
  }
  const auto begin = reinterpret_cast<std::uintptr_t>(found.dli_fbase);
  return text + "(" + found.dli_fname + "+" + in_hex(address - begin) + ")";
}

}  // namespace

// The first backtrace loads a library, which a handler of a signal must not.
stall_detector::stall_detector(std::unique_ptr<backend> kernel, std::chrono::nanoseconds limit,
                               log_hook log)
    : backend_wrapper(std::move(kernel)),
      limit_(limit),
      log_(std::move(log)),
      interrupts_(install_handler()) {
  backtrace(frames_.data(), 1);
  if (!interrupts_)
    say(log_, "stalls are reported without a backtrace, because SIGURG has a handler already");
}

stall_detector::~stall_detector() {
  if (!watcher_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  ended_.notify_one();
  watcher_.join();
}

// Signals are for the threads that the program knows of.
void stall_detector::attach(loop& home) {
  backend_wrapper::attach(home);
  home_ = &home;
  thread_id_ = gettid();
  if (interrupts_) handlers_stack::provide();
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    watcher_ = std::thread([this] { watch(); });
    pthread_setname_np(watcher_.native_handle(), "gyre-stalls");
  } catch (const std::exception& failure) {
    say(log_, std::string("stalls are not reported: no thread can be had: ") + failure.what());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// Once for all loops, and for good: a signal may be on its way when a detector ends.
bool stall_detector::install_handler() noexcept {
  struct sigaction before;
  if (sigaction(interrupting, nullptr, &before) != 0) return false;
  if (before.sa_flags & SA_SIGINFO) return before.sa_sigaction == handle_signal;
  if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) return false;
  struct sigaction handling{};
  handling.sa_sigaction = handle_signal;
  handling.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigfillset(&handling.sa_mask);
  return sigaction(interrupting, &handling, nullptr) == 0;
}

// A loop that runs on this thread exists; its detector is found by it, or there is none.
void stall_detector::handle_signal(int, siginfo_t*, void* context) noexcept {
  const int interrupted_errno = errno;
  if (loop* const home = loop::current_or_null())
    if (auto* const detector = dynamic_cast<stall_detector*>(&home->kernel()))
      detector->take_backtrace(context);
  errno = interrupted_errno;
}

void stall_detector::take_backtrace(const void* context) noexcept {
  auto expected = backtrace_state::asked;
  if (!backtrace_.compare_exchange_strong(expected, backtrace_state::being_taken)) return;
  end_frame_ = backtrace(frames_.data(), static_cast<int>(frames_.size()));
  const auto begin = frames_.begin();
  const auto interrupted = std::find(begin, begin + end_frame_, interrupted_at(context));
  first_frame_ = interrupted == begin + end_frame_ ? 0 : static_cast<int>(interrupted - begin);
  backtrace_.store(backtrace_state::taken);
  answered_.release();
}

void stall_detector::watch() {
  std::uint64_t seen = 0;
  steady_time since = std::chrono::steady_clock::now();
  bool reported = false;
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, limit_ / 2, [this] { return ending_; })) {
    const steady_time now = std::chrono::steady_clock::now();
    const std::uint64_t progress = home_->progress();
    if (!home_->is_busy() || progress != seen) {
      seen = progress;
      since = now;
      reported = false;
    } else if (!reported && now - since >= limit_) {
      lock.unlock();
      tell(now - since, progress);
      lock.lock();
      reported = true;
    }
  }
}

void stall_detector::tell(std::chrono::nanoseconds held, std::uint64_t progress) noexcept {
  try {
    const bool there = ask_for_backtrace(progress);
    std::string text = "a task has held its loop for " + in_milliseconds(held) +
                       " so far, at most " + in_milliseconds(limit_) + " are allowed";
    if (there) text += ", here:" + backtrace_text();
    say(log_, text);
  } catch (const std::exception&) {
    // There is no memory to tell it with.
  }
}

// The answer of a thread that has gone on meanwhile would be about something else.
bool stall_detector::ask_for_backtrace(std::uint64_t progress) noexcept {
  if (!interrupts_) return false;
  backtrace_.store(backtrace_state::asked);
  const bool sent = syscall(SYS_tgkill, getpid(), thread_id_, interrupting) == 0;
  if (!sent || !answered_.try_acquire_for(answer_time)) {
    auto expected = backtrace_state::asked;
    if (backtrace_.compare_exchange_strong(expected, backtrace_state::none)) return false;
    answered_.acquire();
  }
  return home_->progress() == progress;
}

std::string stall_detector::backtrace_text() const {
  std::string text;
  for (int i = first_frame_; i < end_frame_; ++i)
    text += "\n  " + text_of(frames_[static_cast<std::size_t>(i)]);
  return text;
}

}  // namespace gyre
