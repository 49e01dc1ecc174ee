#include "gyre/net/server.h"

#include <utility>

#include "gyre/runtime/with_timeout.h"

namespace gyre {

/// The task of a connection. When it is destroyed the socket is closed.
class server::connection final : public scope::child {
 public:
  connection(server& all, task<void> work, permit held, scope& owner) noexcept
      : scope::child(owner, std::move(work)), all_(all), held_(std::move(held)) {
    ++all_.open_;
  }

 private:
  bool bears(const std::exception_ptr& failure) noexcept override { return all_.bears(failure); }
  void destroy() noexcept override {
    server& all = all_;
    const permit held = std::move(held_);  // until the socket is closed
    remove(this);
    all.closed();
  }

  server& all_;
  permit held_;
};

void server::spawn(task<void> work, permit held, scope& connections) {
  connections.spawn(*new connection(*this, std::move(work), std::move(held), connections));
}

void server::closed() noexcept {
  --open_;
  room_.set();
  if (draining() && open_ == 0) ended_.set();
}

void server::drain() noexcept {
  draining_.set();
}

void server::stop() noexcept {
  stopped_ = true;
  draining_.set();
  ended_.set();
}

/// When no more are accepted: awaits the connections that are open, as long as they may be.
task<result<void>> server::end(scope& connections) {
  drain();
  result<void> waited;
  if (open_ > 0 && !stopped_) {
    ended_.reset();  // one may have been accepted since it was set
    waited = co_await with_timeout(ended_.wait(), options_.drain_time);
  }
  connections.request_stop();
  if (open_ == 0) co_return result<void>();
  co_return waited ? std::make_error_code(std::errc::operation_canceled) : waited.error();
}

void server::pause(std::error_code why) noexcept {
  ++counters_.pauses;
  if (!std::exchange(pausing_, true) && options_.on_pause) options_.on_pause(why);
}

bool server::bears(const std::exception_ptr& failure) noexcept {
  if (!options_.on_failure) return false;
  options_.on_failure(failure);
  return true;
}

}  // namespace gyre
