#include "gyre/runtime/scope.h"

#include <ranges>
#include <vector>

#include "gyre/runtime/check.h"
#include "gyre/runtime/latency_class.h"

namespace gyre {

class scope::child final : public await_chain, public retired {
 public:
  child(scope& owner, task<void> work) noexcept
      : await_chain(*owner.home_), owner_(owner), work_(std::move(work)) {}

  static void* operator new(std::size_t size) { return frame_pool::allocate(size); }
  static void operator delete(void* record, std::size_t size) noexcept {
    frame_pool::deallocate(record, size);
  }

 private:
  friend class scope;
  void finished() noexcept override { owner_.ended(*this); }
  void destroy() noexcept override { delete this; }

  scope& owner_;
  task<void> work_;
  child* next_ = nullptr;
  child** link_ = nullptr;
};

scope::~scope() {
  check(size_ == 0, "a scope was destroyed before its tasks had ended: await it to its end");
}

void scope::spawn(task<void> work) {
  auto& coroutine = work.coroutine();
  auto* record = new child(*this, std::move(work));
  record->next_ = children_;
  record->link_ = &children_;
  if (children_) children_->link_ = &record->next_;
  children_ = record;
  ++size_;
  coroutine.begin_chain(*record, nullptr);
  if (stop_requested_) record->await_chain::request_stop();
  home_->make_ready(coroutine);
}

void scope::spawn(latency_class& of, task<void> work) {
  auto& coroutine = work.coroutine();
  spawn(std::move(work));
  of.take(coroutine.chain());
}

void scope::request_stop() noexcept {
  if (stop_requested_) return;
  stop_requested_ = true;
  for (child* each = children_; each; each = each->next_) each->await_chain::request_stop();
}

void scope::visit_tasks(chain_visitor& visitor) const {
  std::vector<const child*> newest_first;
  for (const child* each = children_; each; each = each->next_) newest_first.push_back(each);
  for (const child* each : newest_first | std::views::reverse)
    visitor.visit(*each, each->work_.coroutine());
}

void scope::ended(child& child) noexcept {
  *child.link_ = child.next_;
  if (child.next_) child.next_->link_ = child.link_;
  --size_;
  try {
    child.work_.coroutine().take();
  } catch (...) {
    if (!failure_) failure_ = std::current_exception();
    request_stop();
  }
  home_->retire(child);
  if (size_ == 0) emptied();
}

void spawn(task<void> work) {
  scope* root = loop::current().root();
  check(root != nullptr, "spawn() was called outside of run()");
  root->spawn(std::move(work));
}

}  // namespace gyre
