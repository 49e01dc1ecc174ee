#pragma once

#include <string>

#include "gyre/fs/directory.h"
#include "gyre/runtime/task.h"

/// The directory that the server keeps its logs in: `0.log`, `1.log`, …, one for each shard. The
/// first one is made last, so that where it is, all are. All functions throw `std::runtime_error`
/// with a sentence for the user.
namespace kv {

gyre::task<gyre::directory> open_directory(std::string path);

/// Opens the directory; makes it, so that it stays, where only its parent is there.
gyre::task<gyre::directory> make_directory(std::string path);

/// Two servers would spoil each other's logs. The lock is on as long as the directory is open.
void lock_directory(gyre::directory& place, const std::string& path);

/// Gives the number of shards that the directory is for. Makes `wanted` empty logs where there are
/// none yet.
gyre::task<unsigned> make_logs(gyre::directory& place, unsigned wanted);

}  // namespace kv
