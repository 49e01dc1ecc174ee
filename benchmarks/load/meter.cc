#include "gyre/benchmarks/load/meter.h"

namespace gyre::load {

void meter::failed(const std::string& what) {
  if (errors_++ == 0) first_error_ = what;
}

}  // namespace gyre::load
