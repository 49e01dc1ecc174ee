#include "gyre/runtime/link.h"

#include <coroutine>

#include "gyre/runtime/linked_operations.h"
#include "gyre/runtime/loop.h"

namespace gyre::detail {
namespace {

/// An operation that is started by itself. Its result stays with it.
class alone {
 public:
  explicit alone(operation& started) noexcept : started_(started) {}
  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    return started_.start(awaiting.promise(), at);
  }
  void await_resume() noexcept { started_.detach(); }

 private:
  operation& started_;
};

}  // namespace

task<> run_links(std::span<operation* const> operations, link_kind kind) {
  linked_operations links(loop::current(), operations, kind);
  linked_submission together(operations, kind);
  links.awaited = &together;
  const bool taken = co_await together;
  const bool stopped = together.stop_requested();
  if (taken) links.forget_unanswered(stopped);
  bool cut = false;
  for (operation* each : operations) {
    links.awaited = each;
    if (each->ended()) {
      each->detach();
    } else if (cut || stopped || links.stop_requested()) {
      each->skip();
    } else {
      co_await alone(*each);
    }
    cut = kind == link_kind::soft && (cut || !each->succeeded());
  }
}

}  // namespace gyre::detail
