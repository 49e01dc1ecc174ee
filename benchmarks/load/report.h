// What a run found, for people and for programs.
#ifndef GYRE_BENCHMARKS_LOAD_REPORT_H_
#define GYRE_BENCHMARKS_LOAD_REPORT_H_

#include <string>

#include "gyre/benchmarks/load/session.h"

namespace gyre::load {

std::string as_text(session& s);
std::string as_json(session& s);

}  // namespace gyre::load

#endif  // GYRE_BENCHMARKS_LOAD_REPORT_H_
