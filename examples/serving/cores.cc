#include "gyre/examples/serving/cores.h"

#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "gyre/io/signals.h"
#include "gyre/runtime/scope.h"

namespace serving {
namespace {

class signalled_run {
 public:
  signalled_run(unsigned cores, const main_task& serve, const signal_handler& drain,
                const signal_handler& stop)
      : serve_(serve), drain_(drain), stop_(stop), ended_(cores) {}

  gyre::task<> serve(gyre::cores& cores, unsigned core) {
    co_await serve_(cores, core);
    ended_.arrive(cores);
  }
  /// On the first core, until all have ended: a second signal is for the others as well.
  gyre::task<> serve_and_obey(gyre::cores& cores) {
    co_await gyre::with_scope([&](gyre::scope& beside) { return serve_beside(beside, cores); });
  }

 private:
  gyre::task<> serve_beside(gyre::scope& beside, gyre::cores& cores) {
    beside.spawn(
        obey_signals([&] { cores.post_to_each(drain_); }, [&] { cores.post_to_each(stop_); }));
    co_await serve(cores, 0);
    (void)co_await ended_.wait(0);
    beside.request_stop();
  }

  const main_task& serve_;
  const signal_handler& drain_;
  const signal_handler& stop_;
  arrival ended_;
};

}  // namespace

void arrival::arrive(gyre::cores& cores) {
  if (missing_.fetch_sub(1) > 1) return;
  cores.post_to_each([this](unsigned each) { complete_[each].set(); });
}

gyre::task<gyre::tcp_listener> shared_port::listen(gyre::cores& cores, unsigned core,
                                                   gyre::endpoint local) {
  gyre::listen_options options;
  options.reuse_port = cores.count() > 1;
  options.first_of_port = core == 0;
  if (core > 0) {
    (co_await known_[core].wait()).value();
    local.set_port(number_);
  }
  gyre::tcp_listener listener = serving::listen(local, options);
  if (core == 0) {
    number_ = listener.local().value().port();
    cores.post_to_each([this](unsigned each) { known_[each].set(); });
    announce(listener);
  }
  co_return listener;
}

gyre::tcp_listener listen(const gyre::endpoint& local, const gyre::listen_options& options) {
  auto listener = gyre::tcp_listener::bind(local, options);
  if (!listener)
    throw std::runtime_error("can't listen on " + local.to_string() + ": " +
                             listener.error().message() +
                             "; expected a free port of this machine (--host, --port)");
  return *std::move(listener);
}

void announce(const gyre::tcp_listener& listener) {
  std::printf("listening on %s\n", listener.local().value().to_string().c_str());
  std::fflush(stdout);
}

gyre::server_options accept_options(const char* name, std::size_t connections_max,
                                    std::chrono::nanoseconds drain_time) {
  gyre::server_options options;
  options.connections_max = connections_max;
  options.drain_time = drain_time;
  options.on_pause = [name](std::error_code why) {
    std::fprintf(stderr, "%s: accepting pauses: %s\n", name, why.message().c_str());
  };
  options.on_failure = [name](std::exception_ptr failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& thrown) {
      std::fprintf(stderr, "%s: a connection failed: %s\n", name, thrown.what());
    }
  };
  return options;
}

void check_end(const gyre::result<void>& ended) {
  if (ended || ended.error() == std::errc::timed_out ||
      ended.error() == std::errc::operation_canceled)
    return;
  throw std::runtime_error("can't accept connections any more: " + ended.error().message());
}

gyre::task<> obey_signals(std::function<void()> drain, std::function<void()> stop) {
  auto signals = gyre::signals::create({SIGTERM, SIGINT});
  if (!signals) throw std::runtime_error("signalfd failed: " + signals.error().message());
  const auto first = co_await signals->next();
  if (!first) co_return;
  drain();
  const auto second = co_await signals->next();
  if (second) stop();
}

void run_until_signalled(const gyre::run_options& options, const main_task& serve,
                         const signal_handler& drain, const signal_handler& stop) {
  signalled_run run(options.cores, serve, drain, stop);
  gyre::run_on_cores(options, [&](gyre::cores& cores, unsigned core) {
    return core == 0 ? run.serve_and_obey(cores) : run.serve(cores, core);
  });
}

}  // namespace serving
