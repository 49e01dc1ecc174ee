#pragma once

#include <functional>
#include <thread>
#include <utility>

#include "gyre/runtime/loop.h"
#include "gyre/runtime/run_on.h"
#include "gyre/runtime/task.h"
#include "gyre/tests/conformance/conformance.h"

namespace gyre::conformance {

/// A loop of the backend under test on a thread of its own, which runs one task to its end.
class other_loop {
 public:
  explicit other_loop(std::function<task<>()> body)
      : thread_([body = std::move(body)] {
          loop home(make_backend_under_test());
          run_on(home, body());
        }) {}
  other_loop(const other_loop&) = delete;
  other_loop& operator=(const other_loop&) = delete;
  ~other_loop() { thread_.join(); }

 private:
  std::thread thread_;
};

}  // namespace gyre::conformance
