#pragma once

#include <optional>
#include <string>
#include <utility>

#include "gyre/examples/http/status.h"
#include "gyre/fs/directory.h"
#include "gyre/fs/file.h"
#include "gyre/runtime/task.h"

namespace http {

/// What a path turned out to be.
class found {
 public:
  enum class kind {
    file,       ///< a regular file, `name` says which
    directory,  ///< one without an index.html
    elsewhere,  ///< a directory, but the path lacks the slash at its end
    error,      ///< nothing to be served: `status`
  };

  explicit found(http::status status) noexcept : what(kind::error), status(status) {}
  found(kind what, gyre::file opened, gyre::file_status about, std::string name)
      : what(what), opened(std::move(opened)), about(about), name(std::move(name)) {}

  kind what;
  http::status status = http::status::ok;
  std::optional<gyre::file> opened;
  std::optional<gyre::file_status> about;
  std::string name;
};

/// The files beneath the root directory. The kernel resolves the paths and refuses whatever would
/// lead out of the root (openat2(2), RESOLVE_BENEATH), be it `..`, an absolute path or a symbolic
/// link, also one that somebody changes at this very moment: no text is filtered here.
class static_files {
 public:
  explicit static_files(gyre::directory root) noexcept : root_(std::move(root)) {}

  /// Looks up a decoded path.
  gyre::task<found> find(std::string path);

 private:
  gyre::task<gyre::result<gyre::file>> open(std::string path);

  gyre::directory root_;
};

}  // namespace http
