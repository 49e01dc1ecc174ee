#include "gyre/runtime/scope.h"

#include <ranges>
#include <vector>

#include "gyre/runtime/check.h"
#include "gyre/runtime/latency_class.h"

namespace gyre {

namespace {

/// Of a task whose end concerns nobody but its scope.
class plain_child final : public scope::child {
 public:
  using scope::child::child;

 private:
  void destroy() noexcept override { remove(this); }
};

}  // namespace

scope::~scope() {
  check(size_ == 0, "a scope was destroyed before its tasks had ended: await it to its end");
}

// Each task spawned takes this way: a call would cost it some instructions.
[[gnu::always_inline]] inline void scope::begin(child& record, promise_base& coroutine) noexcept {
  record.next_ = children_;
  record.link_ = &children_;
  if (children_) children_->link_ = &record.next_;
  children_ = &record;
  ++size_;
  coroutine.begin_chain(record, nullptr);
  if (stop_requested_) record.await_chain::request_stop();
  home_->make_ready(coroutine);
}

void scope::spawn(task<void> work) {
  auto& coroutine = work.coroutine();
  begin(*new plain_child(*this, std::move(work)), coroutine);
}

void scope::spawn(child& record) noexcept {
  begin(record, record.work_.coroutine());
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
  const std::exception_ptr* const failure = child.failure();
  if (failure && !child.bears(*failure)) [[unlikely]]
    fail(*failure);
  home_->retire(child);
}

[[gnu::noinline, gnu::cold]] void scope::fail(const std::exception_ptr& failure) noexcept {
  if (!failure_) failure_ = failure;
  request_stop();
}

void spawn(task<void> work) {
  scope* root = loop::current().root();
  check(root != nullptr, "spawn() was called outside of run()");
  root->spawn(std::move(work));
}

}  // namespace gyre
