#include "gyre/tests/conformance/pretended_hosts.h"

#include <dlfcn.h>
#include <netdb.h>
#include <sys/socket.h>

#include <condition_variable>
#include <initializer_list>
#include <mutex>
#include <string_view>
#include <thread>

namespace gyre::conformance {
namespace {

using getaddrinfo_call = int (*)(const char*, const char*, const addrinfo*, addrinfo**);

getaddrinfo_call of_the_library() {
  static const auto call = reinterpret_cast<getaddrinfo_call>(dlsym(RTLD_NEXT, "getaddrinfo"));
  return call;
}

std::mutex mutex;  // guards what follows
std::condition_variable opened;
bool is_closed = false;
std::thread::id closed_by;
int lookups_begun = 0;
int lookups_ended = 0;

void pass_gate() {
  std::unique_lock lock(mutex);
  ++lookups_begun;
  if (std::this_thread::get_id() != closed_by) opened.wait(lock, [] { return !is_closed; });
  ++lookups_ended;
}

int list_of(std::initializer_list<const char*> addresses, const addrinfo* hints, addrinfo** found) {
  addrinfo** end = found;
  for (const char* each : addresses) {
    const int code = of_the_library()(each, nullptr, hints, end);
    if (code != 0) return code;
    while (*end) end = &(*end)->ai_next;
  }
  return 0;
}

int look_up(const char* host, const char* service, const addrinfo* hints, addrinfo** found) {
  const std::string_view name = host ? host : "";
  if (name == "missing.test") return EAI_NONAME;
  if (name == "silent.test") return EAI_AGAIN;
  if (name == "several.test") return list_of({"127.0.0.2", "127.0.0.3", "127.0.0.1"}, hints, found);
  if (name == "gate.test") {
    pass_gate();
    return list_of({"127.0.0.1"}, hints, found);
  }
  return of_the_library()(host, service, hints, found);
}

}  // namespace

closed_gate::closed_gate() {
  const std::lock_guard lock(mutex);
  is_closed = true;
  closed_by = std::this_thread::get_id();
  lookups_begun = 0;
  lookups_ended = 0;
}

void closed_gate::open() {
  {
    const std::lock_guard lock(mutex);
    is_closed = false;
  }
  opened.notify_all();
}

int closed_gate::begun() const {
  const std::lock_guard lock(mutex);
  return lookups_begun;
}

int closed_gate::ended() const {
  const std::lock_guard lock(mutex);
  return lookups_ended;
}

}  // namespace gyre::conformance

// Found before that of the C library, by all that this program is linked of.
extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  return gyre::conformance::look_up(host, service, hints, found);
}
