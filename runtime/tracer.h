#pragma once

#include "gyre/runtime/loop_observer.h"

namespace gyre {

class loop;

/// Comes by the probes, and tells `next` as well where there is one.
class tracer final : public loop_observer {
 public:
  explicit tracer(const loop& home) noexcept : home_(home) {}
  ~tracer() = default;

  loop_observer* next = nullptr;

  void spawned(const await_chain& chain) noexcept override;
  void resumed(const await_chain& chain) noexcept override;
  void suspended() noexcept override;
  void completed(const await_chain& chain) noexcept override;
  void operation_started(const operation& started) noexcept override;
  void operation_ended(const operation& ended, int result) noexcept override;

 private:
  const loop& home_;
};

}  // namespace gyre
