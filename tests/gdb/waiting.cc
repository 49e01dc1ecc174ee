// Lets tasks wait for things of all kinds, and ends by SIGABRT: for gdb to look at.

#include <cstdlib>
#include <utility>
#include <vector>

#include "gyre/runtime/event.h"
#include "gyre/runtime/latency_class.h"
#include "gyre/runtime/mutex.h"
#include "gyre/runtime/resume_on.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/shield.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/task_group.h"
#include "gyre/runtime/when_all.h"
#include "gyre/runtime/when_any.h"
#include "gyre/runtime/with_class.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace {

using namespace std::chrono_literals;

gyre::task<> wait_for(gyre::event& event) {
  (void)co_await event.wait();
}

gyre::task<int> read_from(gyre::descriptor_users& users) {
  co_return (co_await gyre::testing_runtime::request(&users)).value();
}

gyre::task<> wait_for_all_kinds(gyre::event& event) {
  gyre::descriptor_users users;
  users.number = 7;
  gyre::mutex locked;
  const auto guard = locked.try_lock();
  co_await gyre::with_scope([&](gyre::scope& children) -> gyre::task<> {
    children.spawn([&]() -> gyre::task<> { (void)co_await read_from(users); });
    children.spawn([&]() -> gyre::task<> { (void)co_await locked.lock(); });
    children.spawn([&]() -> gyre::task<> {
      co_await gyre::when_all(wait_for(event), gyre::shield(wait_for(event)),
                              gyre::with_timeout(wait_for(event), 2h));
    });
    children.spawn([&]() -> gyre::task<> { co_await gyre::travel(wait_for(event)); });
    children.spawn([&]() -> gyre::task<> {
      std::vector<gyre::task<>> range;
      for (int i = 0; i < 2; ++i) range.push_back(wait_for(event));
      (void)co_await gyre::when_any(std::move(range));
    });
    co_await gyre::with_task_group<void>([&](gyre::task_group<>& group) -> gyre::task<> {
      group.spawn(wait_for(event));
      while (co_await group.next()) continue;
    });
  });
}

gyre::task<> yield_for_ever() {
  while (true) (void)co_await gyre::yield();
}

gyre::task<> yield_for_ever_in(gyre::latency_class& of) {
  co_await gyre::with_class(of, yield_for_ever());
}

gyre::task<> end_with_a_core_file() {
  gyre::event event;
  gyre::event happened;
  gyre::spawn(wait_for_all_kinds(event));
  gyre::spawn(wait_for(happened));
  (void)co_await gyre::sleep_for(1h);
  gyre::latency_class batch("batch", 10);
  gyre::spawn(yield_for_ever_in(batch));
  (void)co_await gyre::yield();
  happened.set();
  std::abort();
}

}  // namespace

int main() {
  gyre::testing_runtime::fake_world().run(end_with_a_core_file());
}
