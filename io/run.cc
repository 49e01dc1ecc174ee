#include "gyre/io/run.h"

#include <pthread.h>
#include <sched.h>

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gyre/runtime/scope.h"

namespace gyre {
namespace {

class posted_call final : public message {
 public:
  explicit posted_call(std::function<void()> function) : function_(std::move(function)) {}

 private:
  void delivered() noexcept override {
    // A loop also delivers what it finds at its end, when it runs no more.
    if (loop::current_or_null()) function_();
    delete this;
  }

  std::function<void()> function_;
};

std::vector<int> usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  return cpus;
}

class core_group final : public cores {
 public:
  using main_function = std::function<task<void>(cores&, unsigned)>;

  core_group(const run_options& options, unsigned count, main_function make)
      : cores(count), options_(options), make_(std::move(make)), loops_(count, nullptr) {}

  void run() {
    const std::vector<int> cpus = usable_cpus();
    std::vector<std::thread> threads;
    try {
      threads.reserve(count() - 1);
      for (unsigned core = 1; core < count(); ++core)
        threads.emplace_back([this, core, &cpus] { run_core(core, cpus); });
    } catch (...) {
      fail(std::current_exception());  // no thread was to be had
    }
    run_core(0, cpus);
    for (std::thread& thread : threads) thread.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void run_core(unsigned core, const std::vector<int>& cpus) {
    if (options_.pin && count() > 1 && !cpus.empty()) {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(cpus[core % cpus.size()], &set);
      pthread_setaffinity_np(pthread_self(), sizeof set, &set);
    }
    try {
      loop home(make_backend(options_.backend, options_.uring,
                             [this](std::string_view sentence) { say_once(sentence); }));
      struct leaving {
        core_group& group;
        unsigned core;
        ~leaving() { group.leave(core); }
      } leave{*this, core};
      if (enter(core, home)) run_on(home, make_(*this, core));
    } catch (...) {
      fail(std::current_exception());
    }
  }

  // What one loop could not have the others can't have either.
  void say_once(std::string_view sentence) {
    const std::lock_guard lock(mutex_);
    if (said_.emplace(sentence).second) say(options_.log, sentence);
  }

  // No main task begins before all loops are there: what is posted to one finds it. False when one
  // could not be had.
  bool enter(unsigned core, loop& home) {
    std::unique_lock lock(mutex_);
    loops_[core] = &home;
    ++entered_;
    change_.notify_all();
    change_.wait(lock, [this] { return entered_ == count() || failure_; });
    return !failure_;
  }

  void leave(unsigned core) {
    const std::lock_guard lock(mutex_);
    loops_[core] = nullptr;
  }

  void fail(std::exception_ptr why) {
    {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::move(why);
      change_.notify_all();
    }
    post_to_each([](unsigned) {
      if (scope* root = loop::current().root()) root->request_stop();
    });
  }

  void post(unsigned core, std::function<void()> function) override {
    const std::lock_guard lock(mutex_);
    if (loops_[core]) loops_[core]->post(*new posted_call(std::move(function)));
  }

  const run_options& options_;
  main_function make_;
  std::mutex mutex_;
  std::condition_variable change_;
  unsigned entered_ = 0;
  std::vector<loop*> loops_;
  std::exception_ptr failure_;
  std::set<std::string, std::less<>> said_;
};

}  // namespace

void cores::post_to_each(std::function<void(unsigned core)> function) {
  for (unsigned core = 0; core < count_; ++core) post(core, [function, core] { function(core); });
}

void run_on_cores(const run_options& options,
                  std::function<task<void>(cores&, unsigned core)> make) {
  unsigned count = options.cores;
  if (count == 0) count = std::max<unsigned>(1, static_cast<unsigned>(usable_cpus().size()));
  core_group group(options, count, std::move(make));
  group.run();
}

}  // namespace gyre
