#include "gyre/runtime/latency_class.h"

#include <cstdio>
#include <stdexcept>
#include <utility>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/ready_classes.h"

namespace gyre {
namespace {

static_assert(latency_class::default_shares == ready_classes::default_shares);

unsigned checked(unsigned shares) {
  if (shares >= 1 && shares <= latency_class::shares_max) return shares;
  throw std::invalid_argument("a latency class has 1 to 10000 shares, not " +
                              std::to_string(shares));
}

ready_classes::index add(loop& home, std::string name, unsigned shares) {
  const ready_classes::index added = home.make_classes().add(std::move(name), shares);
  check(added != 0, "a loop was given more than 31 latency classes");
  return added;
}

latency_class_report report_of(const ready_classes::entry& entry) {
  latency_class_report report;
  report.name = entry.name;
  report.shares = entry.shares;
  report.tasks = entry.members;
  report.resumed = entry.resumed;
  report.time_run = entry.time_run;
  report.delays = entry.delays;
  return report;
}

double milliseconds(std::chrono::nanoseconds span) {
  return std::chrono::duration<double, std::milli>(span).count();
}

}  // namespace

latency_class::latency_class(std::string name, unsigned shares, loop& home)
    : home_(home), index_(add(home, std::move(name), checked(shares))) {}

latency_class::~latency_class() {
  check(home_.classes()->of(index_).members == 0,
        "a latency class was destroyed that still has tasks: await their end");
  home_.classes()->remove(index_);
}

const std::string& latency_class::name() const noexcept {
  return home_.classes()->of(index_).name;
}

unsigned latency_class::shares() const noexcept {
  return home_.classes()->of(index_).shares;
}

void latency_class::set_shares(unsigned shares) {
  home_.classes()->of(index_).share_by(checked(shares));
}

latency_class_report latency_class::report() const {
  return report_of(home_.classes()->of(index_));
}

void latency_class::set_default_shares(unsigned shares, loop& home) {
  home.make_classes().of(0).share_by(checked(shares));
}

void latency_class::set_quantum(std::chrono::nanoseconds quantum, loop& home) {
  home.make_classes().set_quantum(quantum);
}

void latency_class::take(await_chain& chain) noexcept {
  check(&chain.home() == &home_, "a task was given a latency class of another loop");
  chain.leave_class();
  home_.classes()->enter(index_);
  chain.class_index_ = index_;
}

std::vector<latency_class_report> latency_classes(const loop& home) {
  std::vector<latency_class_report> all;
  if (const ready_classes* classes = home.classes())
    classes->for_each([&](const ready_classes::entry& each) { all.push_back(report_of(each)); });
  return all;
}

std::string text_of(const std::vector<latency_class_report>& classes) {
  std::string text;
  for (const latency_class_report& each : classes) {
    char line[200];
    std::snprintf(line, sizeof line,
                  ": %u shares, %zu tasks, resumed %llu times, ran %.3f ms, waited %.3f ms at the "
                  "median, %.3f ms at 99 %%\n",
                  each.shares, each.tasks, static_cast<unsigned long long>(each.resumed),
                  milliseconds(each.time_run), milliseconds(each.delays.quantile(0.5)),
                  milliseconds(each.delays.quantile(0.99)));
    text += each.name + line;
  }
  return text;
}

}  // namespace gyre
