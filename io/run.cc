#include "gyre/io/run.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gyre/io/stall_detector.h"
#include "gyre/io/usable_cpus.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/dump_tasks.h"
#include "gyre/runtime/manual_clock.h"
#include "gyre/runtime/scope.h"

namespace gyre {
namespace {

/// Binds this thread to one CPU, and gives it back the others at the end.
class cpu_binding {
 public:
  explicit cpu_binding(int cpu) noexcept {
    if (cpu >= CPU_SETSIZE) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    bound_ = pthread_getaffinity_np(pthread_self(), sizeof before_, &before_) == 0 &&
             pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0;
  }
  cpu_binding(const cpu_binding&) = delete;
  cpu_binding& operator=(const cpu_binding&) = delete;
  ~cpu_binding() {
    if (bound_) pthread_setaffinity_np(pthread_self(), sizeof before_, &before_);
  }
  bool bound() const noexcept { return bound_; }

 private:
  cpu_set_t before_;
  bool bound_ = false;
};

/// Empty where loops are not to be bound. A quota is a share of time, not of CPUs: whoever has the
/// same is on them too, and would be bound to the same first ones.
std::vector<int> cpus_to_bind_to(const run_options& options) {
  if (!options.pin) return {};
  std::vector<int> cpus = allowed_cpus();
  const unsigned quota = cpu_quota();
  if (quota != 0 && quota < cpus.size()) cpus.clear();
  return cpus;
}

unsigned usable_cores() {
  const std::size_t allowed = std::max<std::size_t>(1, allowed_cpus().size());
  const unsigned quota = cpu_quota();
  return static_cast<unsigned>(quota == 0 ? allowed : std::min<std::size_t>(allowed, quota));
}

std::unique_ptr<loop> make_loop(const run_options& options, const log_hook& log) {
  std::unique_ptr<backend> kernel = make_backend(options.backend, options.uring, log);
  if (options.manual_clock) kernel = std::make_unique<manual_clock>(std::move(kernel));
  if (options.stall_limit > options.stall_limit.zero())
    kernel = std::make_unique<stall_detector>(std::move(kernel), options.stall_limit, options.log);
  return std::make_unique<loop>(std::move(kernel));
}

bool report_if_stuck(const loop& home, const log_hook& log) {
  try {
    if (!all_wait_for_each_other(home)) return false;
    say(log, "all tasks wait for each other: none goes on unless another thread posts a message\n" +
                 text_of(dump_tasks(home)));
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

class core_group final : public cores {
 public:
  using main_function = std::function<task<void>(cores&, unsigned)>;

  core_group(const run_options& options, unsigned count, main_function make)
      : cores(count),
        options_(options),
        make_(std::move(make)),
        cpus_(cpus_to_bind_to(options)),
        stops_(count),
        endings_(count) {}

  void run() {
    std::vector<std::thread> threads;
    try {
      threads.reserve(count() - 1);
      for (unsigned core = 1; core < count(); ++core)
        threads.emplace_back([this, core] { run_core(core); });
    } catch (...) {
      fail(std::current_exception());  // no thread was to be had
    }
    run_core(0);
    for (std::thread& thread : threads) thread.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  /// Asks all of a loop's tasks to stop.
  class stop_message final : public message {
    void delivered() noexcept override { loop::current().root()->request_stop(); }
  };

  /// The end of one loop, which uses it alone; the message tells it of the others' ends.
  class ending final : public message {
   public:
    void settle() noexcept { settled = all_ended_ && last->empty(); }

    const scope* last = nullptr;  // from the end of its main task on
    bool settled = false;         // nothing is left to wait for

   private:
    void delivered() noexcept override {
      all_ended_ = true;
      settle();
    }
    bool all_ended_ = false;
  };

  /// The root scope of a loop whose main task has ended: nothing begins in it. Only what travels
  /// may come by.
  class last_scope final : public scope {
   public:
    last_scope(loop& home, ending& own) noexcept : scope(home), own_(own) {
      request_stop();
      own_.last = this;
    }

   private:
    void emptied() noexcept override { own_.settle(); }
    ending& own_;
  };

  class posted_call final : public message {
   public:
    posted_call(core_group& group, unsigned core, std::function<void()> function)
        : group_(group), core_(core), function_(std::move(function)) {}

   private:
    void delivered() noexcept override {
      try {
        if (!group_.endings_[core_].last) function_();
      } catch (...) {
        group_.fail(std::current_exception());
      }
      delete this;
    }
    void discarded() noexcept override { delete this; }

    core_group& group_;
    const unsigned core_;
    std::function<void()> function_;
  };

  void run_core(unsigned core) noexcept {
    try {
      std::optional<cpu_binding> binding;
      if (count() > 1 && !cpus_.empty()) {
        binding.emplace(cpus_[core % cpus_.size()]);
        if (!binding->bound()) say_once("loops are not bound to CPUs: sched_setaffinity failed");
      }
      const std::unique_ptr<loop> made =
          make_loop(options_, [this](std::string_view sentence) { say_once(sentence); });
      loop& home = *made;
      struct leaving {
        core_group& group;
        unsigned core;
        ~leaving() { group.leave(core); }
      } leave{*this, core};
      if (!enter(core, home)) return;
      run_main(core, home);
      remain(core, home);
    } catch (...) {
      fail(std::current_exception());
    }
  }

  // What one loop could not have the others can't have either.
  void say_once(std::string_view sentence) {
    {
      const std::lock_guard lock(mutex_);
      if (!said_.emplace(sentence).second) return;
    }
    say(options_.log, sentence);
  }

  // No main task begins before all loops are there: what is posted to one finds it. False, on all,
  // when one could not be had.
  bool enter(unsigned core, loop& home) {
    backend_report report = home.kernel().report();
    std::unique_lock lock(mutex_);
    reports_[core] = std::move(report);
    loops_[core] = &home;
    ++entered_;
    change_.notify_all();
    change_.wait(lock, [this] { return entered_ == count() || failure_; });
    return entered_ == count();
  }

  void run_main(unsigned core, loop& home) noexcept {
    try {
      if (!has_failed()) run_on(home, make_(*this, core));
    } catch (...) {
      fail(std::current_exception());
    }
  }

  // Others may still send messages here, and wait for an answer: they get it until the last of them
  // has ended.
  void remain(unsigned core, loop& home) noexcept {
    ending& mine = endings_[core];
    last_scope nothing_begins(home, mine);
    {
      const std::lock_guard lock(mutex_);
      if (++ended_ == count())
        for (unsigned each = 0; each < count(); ++each) loops_[each]->post(endings_[each]);
    }
    home.drive(mine.settled, nothing_begins);
  }

  void leave(unsigned core) {
    const std::lock_guard lock(mutex_);
    loops_[core] = nullptr;
  }

  bool has_failed() {
    const std::lock_guard lock(mutex_);
    return failure_ != nullptr;
  }

  void fail(std::exception_ptr why) noexcept {
    const std::lock_guard lock(mutex_);
    if (failure_) return;
    failure_ = std::move(why);
    change_.notify_all();
    for (unsigned core = 0; core < count(); ++core)
      if (loops_[core]) loops_[core]->post(stops_[core]);
  }

  void post(unsigned core, std::function<void()> function) override {
    const std::lock_guard lock(mutex_);
    if (loops_[core]) loops_[core]->post(*new posted_call(*this, core, std::move(function)));
  }

  const run_options& options_;
  const main_function make_;
  const std::vector<int> cpus_;
  std::mutex mutex_;
  std::condition_variable change_;
  unsigned entered_ = 0;
  unsigned ended_ = 0;
  std::vector<stop_message> stops_;
  std::vector<ending> endings_;
  std::exception_ptr failure_;
  std::set<std::string, std::less<>> said_;
};

}  // namespace

// A manual clock looks by itself.
std::unique_ptr<loop> make_loop(const run_options& options) {
  std::unique_ptr<loop> made = make_loop(options, options.log);
  if (!options.manual_clock)
    made->when_stuck([log = options.log](loop& home) { return report_if_stuck(home, log); });
  return made;
}

cores::cores(unsigned count)
    : reports_(count, backend_report("", "")), loops_(count, nullptr), count_(count) {}

const backend_report& cores::report(unsigned core) const noexcept {
  check(core < count_, "cores::report was asked for a core that there isn't");
  return reports_[core];
}

void cores::post_to_each(std::function<void(unsigned core)> function) {
  for (unsigned core = 0; core < count_; ++core) post(core, [function, core] { function(core); });
}

void run_on_cores(const run_options& options,
                  std::function<task<void>(cores&, unsigned core)> make) {
  unsigned count = options.cores;
  if (count == 0) count = usable_cores();
  check(count == 1 || !options.manual_clock,
        "a manual clock was asked for on several loops, whose clocks would differ");
  core_group group(options, count, std::move(make));
  group.run();
}

}  // namespace gyre
