// The two ways to move bytes. Both run a session until it says that it is over.
#ifndef GYRE_BENCHMARKS_LOAD_LOOP_H_
#define GYRE_BENCHMARKS_LOAD_LOOP_H_

#include <string>

#include "gyre/benchmarks/load/session.h"

namespace gyre::load {

// Empty: it ran. Otherwise one sentence on why it couldn't even begin.
std::string run_on_uring(session& s);
std::string run_on_epoll(session& s);

}  // namespace gyre::load

#endif  // GYRE_BENCHMARKS_LOAD_LOOP_H_
