#pragma once

#include <cstdint>
#include <vector>

#include "gyre/io/ring.h"

namespace gyre {

/// The places of a ring's own table of open files. The table is registered when the first is taken.
class direct_table {
 public:
  static constexpr unsigned slots_max = 256;

  explicit direct_table(ring& ring) noexcept : ring_(ring) {}
  direct_table(const direct_table&) = delete;
  direct_table& operator=(const direct_table&) = delete;

  /// The opcodes of all operations on what is in such a table.
  static opcode_set opcodes() noexcept;

  /// A free place; -1 where there is none, or this kernel or a sandbox does not let have a table.
  int take() noexcept;
  /// Whether it was tried, and refused.
  bool is_refused() const noexcept { return refused_; }
  /// Closes what is in it.
  void give_back(int slot) noexcept;

 private:
  bool create() noexcept;

  ring& ring_;
  std::vector<std::uint16_t> free_;
  bool tried_ = false;
  bool refused_ = false;
};

}  // namespace gyre
