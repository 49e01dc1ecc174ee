#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "gyre/examples/serving/settings.h"

// What the `main` of each server does. They name themselves by the name of their `CLI::App`.
namespace serving {

/// Adds --host, --port, --backend and --stats. To be called first: of an option that is given
/// twice, also of those that follow, the last holds, and help shows what it is by default.
void add_options(CLI::App& app, settings& settings);
/// Adds --cores and --spin.
void add_cores(CLI::App& app, settings& settings);
/// Adds an option whose value is in seconds, and at least `least`.
void add_seconds(CLI::App& app, const std::string& name, std::chrono::milliseconds& span,
                 const std::string& description, double least = 0.001);

/// Reads the command line. What `main` has to return at once, where that is all: because help was
/// asked for, or because something is wrong, which it says.
std::optional<int> parse(CLI::App& app, int argc, char** argv);

/// Connections are descriptors: raises RLIMIT_NOFILE as far as it goes, and lowers
/// `connections_max`, and says so, where that is not far enough.
void allow_connections(const CLI::App& app, std::size_t& connections_max);

/// Calls `serve` with SIGTERM, SIGINT and SIGPIPE blocked. What `main` has to return then: 1, after
/// a line that says why, where it throws.
int run(const CLI::App& app, const std::function<void()>& serve);

}  // namespace serving
