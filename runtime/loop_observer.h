#pragma once

namespace gyre {

class await_chain;
class operation;

/// Told what happens on a loop, for tracing: a base for the tracer's own class; see
/// `loop::observe`. All is told on the loop's thread, in the middle of what happens. What is called
/// here may look at what it is given, until it returns, and may call `loop::post`. It must not
/// block, start or stop anything on the loop, nor install another observer.
///
/// Each event comes in pairs: a chain is spawned and completes, the loop resumes a chain and has
/// control back, an operation starts and ends. The address of a chain or an operation tells it from
/// others until the second of its pair. The same events are USDT probes, whether or not there is an
/// observer: see probes.h.
class loop_observer {
 public:
  loop_observer(const loop_observer&) = delete;
  loop_observer& operator=(const loop_observer&) = delete;

  /// `chain` will run beside others, at its turn in the ready queue: it was spawned into a scope,
  /// is one of several that are awaited together, or awaited by `with_class`. What `shield` and
  /// `with_timeout` run is not.
  virtual void spawned(const await_chain& chain) noexcept { (void)chain; }
  /// The loop is about to run `chain`, from its ready queue.
  virtual void resumed(const await_chain& chain) noexcept { (void)chain; }
  /// What was resumed last waits now, or has ended.
  virtual void suspended() noexcept {}
  /// `chain`, which was spawned, has come to its end; one that went to another loop does so there.
  virtual void completed(const await_chain& chain) noexcept { (void)chain; }

  /// `started` goes to the backend, on behalf of `started.waiter()`.
  virtual void operation_started(const operation& started) noexcept { (void)started; }
  /// `ended` came to `result`, 0 or more or a negative errno; its waiter goes on later.
  virtual void operation_ended(const operation& ended, int result) noexcept {
    (void)ended, (void)result;
  }

 protected:
  loop_observer() noexcept = default;
  ~loop_observer() = default;
};

}  // namespace gyre
