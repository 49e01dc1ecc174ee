#pragma once

#include "gyre/io/run.h"
#include "gyre/net/endpoint.h"

namespace serving {

/// What every server is told on its command line.
class settings {
 public:
  settings() noexcept {}

  gyre::endpoint local = gyre::endpoint::loopback_v4(0);
  bool stats = false;  ///< say at the end what each loop did
  gyre::run_options run;
};

}  // namespace serving
