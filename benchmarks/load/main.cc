// load: keeps a number of connections busy and reports what the server made of it.
//
//   load echo --port 9000 --connections 500 --size 64 --duration 5 --cpu 1
//   load http --port 8080 --path /plaintext --connections 64 --progress
//
// Exit status: 0 without errors, 1 with errors, 2 when the command line can't be followed.
#include <sched.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>

#include "gyre/benchmarks/load/loop.h"
#include "gyre/benchmarks/load/options.h"
#include "gyre/benchmarks/load/report.h"
#include "gyre/benchmarks/load/session.h"

namespace gyre::load {
namespace {

// Empty: done.
std::string pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (sched_setaffinity(0, sizeof set, &set) == 0) return {};
  return "--cpu " + std::to_string(cpu) + ": " + std::strerror(errno);
}

// Empty: it ran.
std::string run(session& s) {
  const loop_kind wanted = s.opts().loop;
  if (wanted == loop_kind::epoll) return run_on_epoll(s);
  const std::string why = run_on_uring(s);
  if (why.empty() || wanted == loop_kind::uring) return why;
  return run_on_epoll(s);
}

// Empty: written.
std::string write_report(session& s) {
  const std::string& where = s.opts().json;
  if (where.empty()) {
    std::cout << as_text(s) << std::flush;
  } else if (where == "-") {
    std::cout << as_json(s) << std::flush;
  } else {
    std::ofstream file(where);
    file << as_json(s) << std::flush;
    if (!file) return "--json " + where + ": can't be written";
  }
  return {};
}

int main(int argc, char** argv) {
  int status = 0;
  const auto o = parse_options(argc, argv, status);
  if (!o) return status;
  session s(*o);
  std::string problem = o->cpu ? pin_to(*o->cpu) : "";
  if (problem.empty()) problem = run(s);
  if (problem.empty()) problem = write_report(s);
  if (!problem.empty()) {
    std::cerr << "load: " << problem << "\n";
    return 2;
  }
  return s.counts().errors() == 0 && s.counts().messages() > 0 ? 0 : 1;
}

}  // namespace
}  // namespace gyre::load

int main(int argc, char** argv) {
  return gyre::load::main(argc, argv);
}
