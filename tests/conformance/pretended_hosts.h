#pragma once

namespace gyre::conformance {

/// What the C library says of these hosts in a program that links this, in place of what name
/// servers would; nothing is asked of the network. All others are looked up as ever.
///
/// - `missing.test` is unknown, of `silent.test` no name server answers;
/// - `several.test` has the addresses 127.0.0.2, 127.0.0.3 and 127.0.0.1, in this order;
/// - `gate.test`, at 127.0.0.1, takes as long as a `closed_gate` is there and is not open, but for
///   the thread that closed it, which looks names up where no other thread can be had.
class closed_gate {
 public:
  closed_gate();
  closed_gate(const closed_gate&) = delete;
  closed_gate& operator=(const closed_gate&) = delete;
  ~closed_gate() { open(); }

  /// Lets all through from now on. From any thread.
  void open();
  /// How many lookups of `gate.test` have begun and ended since it was closed.
  int begun() const;
  int ended() const;
};

}  // namespace gyre::conformance
