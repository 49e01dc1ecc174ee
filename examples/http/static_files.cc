#include "gyre/examples/http/static_files.h"

#include <fcntl.h>

#include <cerrno>

namespace http {
namespace {

status status_for(std::error_code error) noexcept {
  switch (error.value()) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:  // symbolic links in a circle
    case EXDEV:  // out of the root
    case ENXIO:  // a socket
    case ENODEV:
      return status::not_found;
    case EACCES:
    case EPERM:
      return status::forbidden;
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return status::service_unavailable;
    default:
      return status::internal_server_error;
  }
}

}  // namespace

gyre::task<gyre::result<gyre::file>> static_files::open(std::string path) {
  // While something in the path is being renamed the kernel can't be sure that it stays beneath
  // the root, and answers EAGAIN: see openat2(2).
  constexpr int attempts = 4;
  for (int attempt = 1;; ++attempt) {
    auto opened = co_await root_.open_beneath(path, O_RDONLY | O_NOCTTY);
    if (opened || attempt == attempts || opened.error().value() != EAGAIN) co_return opened;
  }
}

gyre::task<found> static_files::find(std::string path) {
  auto opened = co_await open(path);
  if (!opened) co_return found(status_for(opened.error()));
  auto about = co_await opened->status();
  if (!about) co_return found(status_for(about.error()));
  if (about->is_regular())
    co_return found(found::kind::file, *std::move(opened), *about, std::move(path));
  // Reading a FIFO or a device would wait, or do something to the device.
  if (!about->is_directory()) co_return found(status::forbidden);
  if (path != "." && !path.ends_with('/'))
    co_return found(found::kind::elsewhere, *std::move(opened), *about, std::move(path));

  auto index = co_await open(path + "/index.html");
  if (!index && index.error() != std::errc::no_such_file_or_directory)
    co_return found(status_for(index.error()));
  if (index) {
    auto about_index = co_await index->status();
    if (about_index && about_index->is_regular())
      co_return found(found::kind::file, *std::move(index), *about_index, "index.html");
  }
  co_return found(found::kind::directory, *std::move(opened), *about, std::move(path));
}

}  // namespace http
