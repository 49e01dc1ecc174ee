#include "gyre/runtime/fiber_context.h"

#include <cxxabi.h>

namespace gyre::detail {

namespace context = boost::context::detail;

fiber_context::fiber_context(std::size_t stack_size, void* function, void (*call)(void*))
    : of_thread_(reinterpret_cast<exceptions*>(abi::__cxa_get_globals())),
      call_(call),
      function_(function),
      stack_(std::in_place, stack_size),
      own_side_(stack_->lowest(), stack_->size()) {
  there_ = context::make_fcontext(stack_->top(), stack_->size(), begin);
}

/// The outermost frame of a fiber. It never returns, and AddressSanitizer frees its record of
/// frames before it has ended: so this must not be in there.
[[gnu::no_sanitize_address]] void fiber_context::begin(context::transfer_t from) noexcept {
  fiber_context& self = *static_cast<fiber_context*>(from.data);
  self.there_ = from.fctx;
  self.own_side_.arrive_from(self.carrier_side_);
  self.call();
  self.own_side_.end_for(self.carrier_side_);
  context::jump_fcontext(self.there_, nullptr);
}

void fiber_context::call() noexcept {
  try {
    call_(function_);
  } catch (...) {
    failure_ = std::current_exception();
  }
  ended_ = true;
}

void fiber_context::give_stack_back() noexcept {
  carrier_side_.forget(own_side_);
  stack_.reset();
}

}  // namespace gyre::detail
