#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// Whether the kernel would see a part of `text` only: it takes all up to a NUL.
inline bool has_nul(std::string_view text) noexcept {
  return text.find('\0') != std::string_view::npos;
}

/// Opens `path` relative to `from` by openat2(2); `invalid_argument` when it contains a NUL. A mode
/// that the flags have no use for is ignored, as by open(2). Both must stay until the task ends.
task<result<descriptor>> open_at(descriptor& from, const std::string& path, int flags,
                                 unsigned mode, std::uint64_t resolve);

}  // namespace gyre
