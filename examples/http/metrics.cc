#include "gyre/examples/http/metrics.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gyre/examples/http/core.h"
#include "gyre/examples/http/exposition.h"
#include "gyre/examples/http/heap_count.h"
#include "gyre/examples/http/server.h"
#include "gyre/runtime/backend_report.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/frame_pool.h"
#include "gyre/runtime/latency_class.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/operation_metrics.h"
#include "gyre/runtime/with_timeout.h"

namespace http {
namespace {

using namespace std::chrono_literals;

class metric {
 public:
  const char* name;
  const char* type;
  const char* help;
  std::uint64_t (*value)(const core_sample&);
};

using sample = core_sample;

constexpr metric metrics[] = {
    {"http_connections_open", "gauge", "Connections that are open.",
     [](const sample& s) { return s.open; }},
    {"http_connections_accepted_total", "counter", "Connections accepted.",
     [](const sample& s) { return s.accepting.accepted; }},
    {"http_connections_broken_total", "counter", "Connections that ended with a socket's error.",
     [](const sample& s) { return s.connections.broken; }},
    {"http_accept_pauses_total", "counter", "Times that accepting waited for something to be free.",
     [](const sample& s) { return s.accepting.pauses; }},
    {"http_received_bytes_total", "counter", "Bytes that clients sent.",
     [](const sample& s) { return s.connections.received_bytes; }},
    {"http_sent_bytes_total", "counter", "Bytes sent to clients.",
     [](const sample& s) { return s.connections.sent_bytes; }},
    {"http_spliced_bytes_total", "counter", "Bytes sent from files without a copy.",
     [](const sample& s) { return s.connections.spliced_bytes; }},
    {"http_idle_timeouts_total", "counter", "Connections closed because no request came.",
     [](const sample& s) { return s.connections.idle_timeouts; }},
    {"http_request_timeouts_total", "counter", "Requests that took too long to come.",
     [](const sample& s) { return s.connections.request_timeouts; }},
    {"http_write_timeouts_total", "counter", "Connections closed because the client did not read.",
     [](const sample& s) { return s.connections.write_timeouts; }},
    {"gyre_loop_turns_total", "counter", "Times that the loop asked the kernel for completions.",
     [](const sample& s) { return s.loop.turns; }},
    {"gyre_loop_resumed_total", "counter", "Coroutines resumed.",
     [](const sample& s) { return s.loop.resumed; }},
    {"gyre_loop_timers_fired_total", "counter", "Timers fired.",
     [](const sample& s) { return s.loop.timers_fired; }},
    {"gyre_loop_messages_total", "counter", "Messages from other threads.",
     [](const sample& s) { return s.loop.messages; }},
    {"gyre_backend_submitted_total", "counter", "Operations handed to the backend.",
     [](const sample& s) { return s.kernel.submitted; }},
    {"gyre_backend_completed_total", "counter", "Operations ended.",
     [](const sample& s) { return s.kernel.completed; }},
    {"gyre_backend_cancelled_total", "counter", "Operations asked to end early.",
     [](const sample& s) { return s.kernel.cancelled; }},
    {"gyre_backend_syscalls_total", "counter", "System calls made by the backend.",
     [](const sample& s) { return s.kernel.syscalls; }},
    {"gyre_backend_waits_total", "counter", "Times that the thread went to sleep.",
     [](const sample& s) { return s.kernel.waits; }},
    {"gyre_backend_spins_total", "counter", "Looks for completions before sleeping.",
     [](const sample& s) { return s.kernel.spins; }},
    {"gyre_backend_backlogged_total", "counter", "Operations that had to wait for room.",
     [](const sample& s) { return s.kernel.backlogged; }},
    {"gyre_backend_stale_total", "counter", "Completions that belonged to no operation.",
     [](const sample& s) { return s.kernel.stale; }},
    {"gyre_backend_overflows_total", "counter", "Times that the completion queue was full.",
     [](const sample& s) { return s.kernel.overflows; }},
    {"gyre_frame_allocations_total", "counter", "Coroutine frames that came from the heap.",
     [](const sample& s) { return s.frame_allocations; }},
};

void write_counters(exposition& text, std::span<const sample> samples) {
  text.begin("http_requests_total", "counter", "Requests answered, by class of status.");
  for (const sample& each : samples) {
    const std::string core = std::to_string(each.core);
    for (std::size_t digit = 2; digit <= 5; ++digit)
      text.add({{"core", core}, {"class", std::to_string(digit) + "xx"}},
               each.connections.answers[digit]);
  }
  for (const metric& metric : metrics) {
    text.begin(metric.name, metric.type, metric.help);
    for (const sample& each : samples)
      text.add({{"core", std::to_string(each.core)}}, metric.value(each));
  }
  text.begin("process_heap_allocations_total", "counter", "Calls of operator new.");
  text.add({}, heap_allocations());
}

/// One metric of each kind of operation on each core.
template <class Value>
void write_each_kind(exposition& text, std::span<const sample> samples, Value value) {
  for (const sample& each : samples) {
    const std::string core = std::to_string(each.core);
    for (const gyre::operation_metrics& kind : each.operations)
      text.add({{"core", core}, {"operation", kind.kind().name}}, value(kind));
  }
}

void write_operations(exposition& text, std::span<const sample> samples) {
  using gyre::operation_metrics;
  text.begin("gyre_operations_started_total", "counter", "Operations begun.");
  write_each_kind(text, samples, [](const operation_metrics& kind) { return kind.started(); });
  text.begin("gyre_operations_failed_total", "counter", "Operations that ended with an error.");
  write_each_kind(text, samples, [](const operation_metrics& kind) { return kind.failed(); });
  text.begin("gyre_operations_cancelled_total", "counter", "Operations that were cancelled.");
  write_each_kind(text, samples, [](const operation_metrics& kind) { return kind.cancelled(); });
  text.begin("gyre_operation_seconds", "histogram", "Time that operations took, of a sample.");
  write_each_kind(text, samples,
                  [](const operation_metrics& kind) -> auto& { return kind.latency(); });
  text.begin("gyre_operation_resumption_seconds", "histogram",
             "Time from the end of an operation until its task ran on, of a sample.");
  write_each_kind(text, samples,
                  [](const operation_metrics& kind) -> auto& { return kind.resumption(); });
}

/// One metric of each latency class on each core.
template <class Value>
void write_each_class(exposition& text, std::span<const sample> samples, Value value) {
  for (const sample& each : samples) {
    const std::string core = std::to_string(each.core);
    for (const gyre::latency_class_report& report : each.classes)
      text.add({{"core", core}, {"class", report.name}}, value(report));
  }
}

void write_classes(exposition& text, std::span<const sample> samples) {
  using gyre::latency_class_report;
  if (std::ranges::all_of(samples, [](const sample& each) { return each.classes.empty(); })) return;
  text.begin("gyre_class_shares", "gauge", "Shares of a latency class of its loop's time.");
  write_each_class(text, samples, [](const latency_class_report& each) { return each.shares; });
  text.begin("gyre_class_resumed_total", "counter", "Coroutines resumed of a latency class.");
  write_each_class(text, samples, [](const latency_class_report& each) { return each.resumed; });
  text.begin("gyre_class_run_seconds_total", "counter", "Time that a latency class ran.");
  write_each_class(text, samples, [](const latency_class_report& each) { return each.time_run; });
  text.begin("gyre_class_delay_seconds", "histogram",
             "Time that a latency class waited for its loop while it had something ready.");
  write_each_class(text, samples,
                   [](const latency_class_report& each) -> auto& { return each.delays; });
}

/// What each loop's backend said when the loop began: it costs a request nothing.
void write_reports(exposition& text, const gyre::cores& cores) {
  const auto each_core = [&](auto write) {
    for (unsigned core = 0; core < cores.count(); ++core)
      write(cores.report(core), std::to_string(core));
  };
  text.begin("gyre_backend_info", "gauge", "How operations reach the kernel, and why not better.");
  each_core([&](const gyre::backend_report& report, const std::string& core) {
    text.add({{"core", core}, {"backend", report.backend}, {"reason", report.reason}}, 1);
  });
  text.begin("gyre_backend_obtained", "gauge", "Sizes, flags and bounds of the backend.");
  each_core([&](const gyre::backend_report& report, const std::string& core) {
    for (const std::string& each : report.obtained) text.add({{"core", core}, {"what", each}}, 1);
  });
  text.begin("gyre_ring_feature", "gauge", "Whether a feature of the ring is in use, or why not.");
  each_core([&](const gyre::backend_report& report, const std::string& core) {
    for (const gyre::optional_feature& each : report.features)
      text.add({{"core", core}, {"feature", each.name}, {"why", each.why_not}}, each.in_use());
  });
  text.begin("gyre_ring_opcode", "gauge", "Opcodes in use, with their operations.");
  each_core([&](const gyre::backend_report& report, const std::string& core) {
    for (const std::string& each : report.opcodes) text.add({{"core", core}, {"opcode", each}}, 1);
  });
  text.begin("gyre_emulated_operation", "gauge", "Operations whose opcode is not used.");
  each_core([&](const gyre::backend_report& report, const std::string& core) {
    for (const gyre::emulated_operation& each : report.emulated)
      text.add({{"core", core}, {"operation", each.name}, {"how", each.how}, {"why", each.why}}, 1);
  });
}

/// The samples on their way. Kept by everybody who still writes to it or waits for it.
class gathering {
 public:
  explicit gathering(std::size_t cores) : samples(cores), missing(cores) {}

  std::vector<std::optional<sample>> samples;  // each written by its own core
  std::atomic<std::size_t> missing;
  gyre::event done;  // of the core that asks
};

gyre::task<gyre::result<void>> wait_for(gyre::event& event) {
  co_return co_await event.wait();
}

}  // namespace

core_sample::core_sample(const http::core& home)
    : core(home.number),
      open(home.accepting.open()),
      accepting(home.accepting.counters()),
      connections(home.counters),
      loop(gyre::loop::current().counters()),
      kernel(gyre::loop::current().kernel().counters()),
      frame_allocations(gyre::frame_pool::heap_allocations()),
      operations(gyre::loop::current().metrics().all()),
      classes(gyre::latency_classes()) {}

gyre::task<std::string> collect_metrics(server& all, http::core& asking) {
  const auto shared = std::make_shared<gathering>(all.cores().count());
  const unsigned origin = asking.number;
  all.cores().post_to_each([shared, &all, origin](unsigned number) {
    // Messages that a loop finds at its end are delivered although it runs no more.
    if (!gyre::loop::current_or_null()) return;
    shared->samples[number].emplace(all.core_at(number));
    if (shared->missing.fetch_sub(1) > 1) return;
    all.cores().post_to_each([shared, origin](unsigned each) {
      if (each == origin) shared->done.set();
    });
  });
  // In vain where a core has ended: what the others said is worth having.
  (void)co_await gyre::with_timeout(wait_for(shared->done), 1s);
  std::vector<sample> samples;
  if (shared->done.is_set()) {
    for (auto& each : shared->samples) samples.push_back(*std::move(each));
  } else {
    samples.emplace_back(asking);
  }
  exposition text;
  write_counters(text, samples);
  write_operations(text, samples);
  write_classes(text, samples);
  write_reports(text, all.cores());
  co_return std::move(text).take();
}

}  // namespace http
