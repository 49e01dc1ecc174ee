#pragma once

#include <latch>
#include <thread>
#include <utility>

#include "gyre/runtime/event.h"
#include "gyre/runtime/inbox.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {

/// A loop on a thread of its own, whose main task waits until it is told to end.
class other_loop {
 public:
  other_loop()
      : thread_([this] {
          world_.run(invoke([this]() -> task<> {
            running_.count_down();
            (void)co_await ending_.wait();
          }));
        }) {
    running_.wait();
  }
  ~other_loop() {
    end();
    thread_.join();
  }

  void end() {
    if (!std::exchange(told_, true)) home().post(end_);
  }
  loop& home() { return world_.home; }

 private:
  class set_event final : public message {
   public:
    explicit set_event(event& set) : set_(set) {}

   private:
    void delivered() noexcept override { set_.set(); }
    event& set_;
  };

  fake_world world_;
  std::latch running_{1};
  event ending_;
  set_event end_{ending_};
  bool told_ = false;
  std::thread thread_;
};

inline task<result<void>> wait_for_ever() {
  event never;
  co_return co_await never.wait();
}

/// Runs `main(other)` on a loop, with another loop beside it.
template <class Main>
void run_beside(Main main) {
  other_loop other;
  fake_world world;
  world.run(invoke([&]() -> task<> { co_await main(other.home()); }));
}

}  // namespace gyre::testing_runtime
