#include "gyre/runtime/linked_operations.h"

#include <algorithm>
#include <cerrno>

#include "gyre/runtime/loop.h"

namespace gyre {

// What is closed or stopped already is left to be refused one by one.
bool linked_submission::start(promise_base& waiter, await_location at) noexcept {
  begin_wait(waiter, at);
  if (waiter.chain().stop_requested()) return false;
  for (operation* each : operations_) {
    if (each->is_refused() || !each->linkable()) return false;
  }
  for (operation* each : operations_) each->join(*this, waiter);
  left_ = operations_.size();
  taken_ = waiter.chain().home().kernel().submit_linked(operations_, kind_);
  for (operation* each : operations_) {
    if (taken_)
      each->joined();
    else
      each->leave_submission();
  }
  return taken_;
}

bool linked_submission::await_resume() noexcept {
  end_wait();
  return taken_;
}

int linked_submission::awaited_descriptor() const noexcept {
  const auto first = std::ranges::find_if(operations_, &operation::in_flight);
  return first != operations_.end() ? (*first)->awaited_descriptor() : -1;
}

void linked_submission::request_stop() noexcept {
  if (stop_requested_) return;
  stop_requested_ = true;
  stop_first();
}

void linked_submission::stop_first() noexcept {
  const auto first = std::ranges::find_if(operations_, &operation::in_flight);
  if (first != operations_.end()) (*first)->stop();
}

// After a failure the kernel gives up the rest of a soft link by itself.
void linked_submission::ended(const operation& operation) noexcept {
  if (--left_ == 0) return resume_waiter();
  if (stop_requested_ && (kind_ == link_kind::hard || operation.answer() >= 0)) stop_first();
}

linked_operations::linked_operations(loop& home, std::span<operation* const> operations,
                                     link_kind kind) noexcept
    : operations(operations), kind(kind), list_(&home.links_), next_(home.links_) {
  if (next_) next_->previous_ = this;
  *list_ = this;
  for (operation* each : operations) each->hold();
}

linked_operations::~linked_operations() {
  (previous_ ? previous_->next_ : *list_) = next_;
  if (next_) next_->previous_ = previous_;
  for (operation* each : operations) each->let_go();
}

bool linked_operations::is_counted_by(const descriptor_users& users) const noexcept {
  return std::ranges::any_of(operations,
                             [&](const operation* each) { return each->is_counted_by(users); });
}

void linked_operations::request_stop() noexcept {
  if (stop_requested_) return;
  stop_requested_ = true;
  if (awaited) awaited->request_stop();
}

// In a hard link the others have gone on: what an operation came to is its answer.
bool linked_operations::is_answered(std::size_t index, bool stopped) const noexcept {
  operation& asked = *operations[index];
  const int answer = asked.answer();
  if (answer == -ECANCELED) return false;
  const bool cut = index + 1 == operations.size() || operations[index + 1]->answer() == -ECANCELED;
  if (kind == link_kind::hard || !cut) return true;
  if (answer == -EAGAIN) return asked.ready_when().fd < 0;
  return answer != -EINTR && (stopped || answer <= 0 || asked.fulfilled());
}

void linked_operations::forget_unanswered(bool stopped) noexcept {
  for (std::size_t i = 0; i < operations.size(); ++i) {
    operation& asked = *operations[i];
    if (!is_answered(i, stopped))
      asked.forget();
    else if (kind == link_kind::soft && !asked.succeeded())
      return;
  }
}

}  // namespace gyre
