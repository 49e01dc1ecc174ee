#include "gyre/benchmarks/load/report.h"

#include <cstdint>
#include <cstdio>
#include <string>

namespace gyre::load {
namespace {

// One JSON object, member by member.
class json_object {
 public:
  json_object& add(const char* name, const std::string& text) {
    std::string quoted = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return add_raw(name, quoted + "\"");
  }
  json_object& add(const char* name, const char* text) { return add(name, std::string(text)); }
  json_object& add(const char* name, std::uint64_t n) { return add_raw(name, std::to_string(n)); }
  json_object& add(const char* name, double number) {
    char text[64];
    std::snprintf(text, sizeof text, "%.9g", number);
    return add_raw(name, text);
  }
  json_object& add(const char* name, const json_object& object) {
    return add_raw(name, object.text());
  }
  json_object& add_flag(const char* name, bool value) {
    return add_raw(name, value ? "true" : "false");
  }
  std::string text() const { return "{" + members_ + "}"; }

 private:
  json_object& add_raw(const char* name, const std::string& value) {
    members_ += std::string(members_.empty() ? "" : ", ") + "\"" + name + "\": " + value;
    return *this;
  }

  std::string members_;
};

double per(double amount, std::uint64_t count) {
  return count == 0 ? 0 : amount / static_cast<double>(count);
}

double rate(session& s) {
  const double seconds = s.outcome().seconds;
  return seconds > 0 ? static_cast<double>(s.counts().messages()) / seconds : 0;
}

json_object load_of(const options& o) {
  json_object load;
  load.add("mode", o.mode == mode::echo ? "echo" : "http").add("host", o.host);
  load.add("port", static_cast<std::uint64_t>(o.port));
  load.add("connections", static_cast<std::uint64_t>(o.connections));
  if (o.mode == mode::echo) {
    load.add("size", std::uint64_t{o.size});
  } else {
    load.add("path", o.path).add("depth", static_cast<std::uint64_t>(o.depth));
  }
  return load.add_flag("spin", o.spin);
}

json_object latency_of(const histogram& h) {
  json_object latency;
  latency.add("mean", h.mean()).add("p50", h.at(0.5)).add("p90", h.at(0.9));
  latency.add("p99", h.at(0.99)).add("p99_9", h.at(0.999)).add("p99_99", h.at(0.9999));
  return latency.add("max", h.max());
}

json_object statuses_of(const meter& m) {
  json_object statuses;
  for (int code = 0; code < meter::statuses_end; code++) {
    if (m.count_of(code) > 0) statuses.add(std::to_string(code).c_str(), m.count_of(code));
  }
  return statuses;
}

// A line of the readable report: name, value with a unit.
template <class... Values>
void line(std::string& text, const char* name, const char* format, Values... values) {
  char value[512];
  std::snprintf(value, sizeof value, format, values...);
  char whole[600];
  std::snprintf(whole, sizeof whole, "%-24s%s\n", name, value);
  text += whole;
}

// Percent of the measured time.
double share(std::uint64_t ns, const result& r) {
  return r.seconds > 0 ? static_cast<double>(ns) / r.seconds / 1e7 : 0;
}

double micro(std::uint64_t ns) {
  return static_cast<double>(ns) / 1e3;
}
double milli(std::uint64_t ns) {
  return static_cast<double>(ns) / 1e6;
}

}  // namespace

std::string as_json(session& s) {
  const meter& m = s.counts();
  const result& r = s.outcome();
  json_object report;
  report.add("load", load_of(s.opts())).add("loop", r.loop);
  report.add("ramp_seconds", r.ramp_seconds).add("seconds", r.seconds);
  report.add("messages", m.messages()).add("messages_total", m.total());
  report.add("messages_per_second", rate(s));
  report.add("latency_ns", latency_of(m.latency()));
  report.add("longest_wait_ns", m.longest_wait());
  report.add("longest_early_wait_ns", m.longest_early_wait());
  report.add("longest_silence_ns", m.longest_silence());
  report.add("errors", m.errors()).add("first_error", m.first_error());
  if (s.opts().mode == mode::http) {
    report.add("statuses", statuses_of(m)).add("reconnects", m.reconnects());
  }
  json_object client;
  client.add("cpu_ns", r.client.cpu_ns).add("wait_ns", r.client.wait_ns);
  report.add("client", client);
  if (r.server) {
    json_object server;
    server.add("cpu_ns", r.server->cpu_ns).add("wait_ns", r.server->wait_ns);
    server.add("cpu_ns_per_message", per(static_cast<double>(r.server->cpu_ns), m.messages()));
    report.add("server", server);
  }
  return report.text() + "\n";
}

std::string as_text(session& s) {
  const meter& m = s.counts();
  const result& r = s.outcome();
  const histogram& h = m.latency();
  const bool http = s.opts().mode == mode::http;
  std::string text;
  line(text, http ? "requests/s" : "messages/s", "%.0f  (%llu in %.2f s, %d connections)", rate(s),
       static_cast<unsigned long long>(m.messages()), r.seconds, s.opts().connections);
  line(text, "latency", "p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  max %.1f us", micro(h.at(0.5)),
       micro(h.at(0.9)), micro(h.at(0.99)), micro(h.at(0.999)), micro(h.max()));
  line(text, "longest wait for a turn", "%.1f ms  (%.1f ms while connecting and warming up)",
       milli(m.longest_wait()), milli(m.longest_early_wait()));
  if (r.server) {
    line(text, "server CPU", "%.0f ns per message  (%.0f %% of a core)",
         per(static_cast<double>(r.server->cpu_ns), m.messages()), share(r.server->cpu_ns, r));
  }
  line(text, "client CPU", "%.0f %% of a core", share(r.client.cpu_ns, r));
  for (int code = 0; code < meter::statuses_end; code++) {
    if (m.count_of(code) == 0) continue;
    line(text, ("status " + std::to_string(code)).c_str(), "%llu",
         static_cast<unsigned long long>(m.count_of(code)));
  }
  line(text, "errors", "%llu%s%s", static_cast<unsigned long long>(m.errors()),
       m.errors() > 0 ? "  first: " : "", m.first_error().c_str());
  return text;
}

}  // namespace gyre::load
