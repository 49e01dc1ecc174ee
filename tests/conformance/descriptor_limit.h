#pragma once

#include <sys/resource.h>

#include <algorithm>

#include "gyre/tests/conformance/conformance.h"

namespace gyre::conformance {

/// How many descriptors this process may have, while this lives: RLIMIT_NOFILE, see getrlimit(2).
class descriptor_limit {
 public:
  /// At most the hard limit; that can't be raised.
  explicit descriptor_limit(rlim_t count) {
    require(getrlimit(RLIMIT_NOFILE, &before_) == 0);
    set(count);
  }
  descriptor_limit(const descriptor_limit&) = delete;
  descriptor_limit& operator=(const descriptor_limit&) = delete;
  ~descriptor_limit() { setrlimit(RLIMIT_NOFILE, &before_); }

  void set(rlim_t count) {
    const rlimit wanted = {std::min(count, before_.rlim_max), before_.rlim_max};
    require(setrlimit(RLIMIT_NOFILE, &wanted) == 0);
  }

 private:
  rlimit before_{};
};

}  // namespace gyre::conformance
