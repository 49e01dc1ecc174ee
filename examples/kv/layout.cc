#include "gyre/examples/kv/layout.h"

#include <sys/file.h>

#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "gyre/examples/kv/change_log.h"
#include "gyre/examples/kv/shard.h"

namespace kv {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& what, std::error_code error) {
  throw std::runtime_error("--dir is \"" + path + "\", which " + what + ": " + error.message() +
                           "; expected a directory, or a name for one where its parent is there");
}

}  // namespace

gyre::task<gyre::directory> open_directory(std::string path) {
  auto opened = co_await gyre::directory::open(path);
  if (!opened) refuse(path, "can't be opened", opened.error());
  co_return *std::move(opened);
}

gyre::task<gyre::directory> make_directory(std::string path) {
  std::filesystem::path whole = std::filesystem::path(path);
  if (!whole.has_filename()) whole = whole.parent_path();  // it ended in a slash
  const std::string above = whole.has_parent_path() ? whole.parent_path().string() : ".";
  auto parent = co_await gyre::directory::open(above);
  auto opened = co_await gyre::directory::open(path);
  if (opened) {
    // The server that made it may have been killed before this.
    if (parent) (void)co_await parent->sync();
    co_return *std::move(opened);
  }
  if (opened.error() != std::errc::no_such_file_or_directory)
    refuse(path, "can't be opened", opened.error());
  if (!parent) refuse(path, "has no parent that can be opened", parent.error());
  const auto made = co_await parent->make_directory_beneath(whole.filename().string());
  if (!made) refuse(path, "can't be made", made.error());
  const auto synced = co_await parent->sync();
  if (!synced) refuse(path, "has a parent that can't be synced", synced.error());
  co_return co_await open_directory(path);
}

void lock_directory(gyre::directory& place, const std::string& path) {
  if (flock(place.opened().number(), LOCK_EX | LOCK_NB) == 0) return;
  if (errno == EWOULDBLOCK)
    throw std::runtime_error("--dir is \"" + path +
                             "\", which another kv_server uses: expected one of its own");
  refuse(path, "can't be locked", {errno, std::generic_category()});
}

gyre::task<unsigned> make_logs(gyre::directory& place, unsigned wanted) {
  const auto first = co_await change_log::header_of(place, shard::log_name(0));
  if (first) co_return first->shards;
  for (unsigned number = wanted; number-- > 0;)
    co_await change_log::create(place, shard::log_name(number), number, wanted);
  co_return wanted;
}

}  // namespace kv
