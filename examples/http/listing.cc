#include "gyre/examples/http/listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include "gyre/examples/http/request_target.h"

namespace http {
namespace {

class names {
 public:
  names() noexcept {}
  std::vector<std::string> directories;
  std::vector<std::string> others;
  bool complete = true;
};

gyre::result<names> read_names(gyre::descriptor& directory, std::size_t names_max) {
  // readdir closes the descriptor it reads and moves its position: it gets one of its own.
  const int own = openat(directory.number(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (own < 0) return gyre::errno_error(errno);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(own), closedir);
  if (!stream) {
    close(own);
    return gyre::errno_error(ENOMEM);
  }
  names found;
  for (std::size_t count = 0;; ++count) {
    errno = 0;  // at the end it stays so
    const dirent* const entry = readdir(stream.get());
    if (!entry && errno != 0) return gyre::errno_error(errno);
    if (!entry) break;
    if (count == names_max) {
      found.complete = false;
      break;
    }
    if (entry->d_name[0] == '.') continue;
    if (entry->d_type == DT_DIR) {
      found.directories.push_back(entry->d_name + std::string("/"));
    } else {
      found.others.emplace_back(entry->d_name);
    }
  }
  std::ranges::sort(found.directories);
  std::ranges::sort(found.others);
  return found;
}

void add_link(std::string& page, std::string_view name) {
  // "./" keeps a name with a colon from being taken for a scheme.
  page += "<li><a href=\"./" + encode_path(name) + "\">" + escape_html(name) + "</a></li>\n";
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

gyre::result<std::string> list_directory(gyre::descriptor& directory, std::string_view path,
                                         std::size_t names_max) {
  const auto names = read_names(directory, names_max);
  if (!names) return names.error();
  const bool at_root = path == ".";
  const std::string title = escape_html(at_root ? "/" : "/" + std::string(path));
  std::string page = "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>" + title +
                     "</title></head>\n<body><h1>" + title + "</h1>\n<ul>\n";
  if (!at_root) page += "<li><a href=\"../\">../</a></li>\n";
  for (const std::string& name : names->directories) add_link(page, name);
  for (const std::string& name : names->others) add_link(page, name);
  page += "</ul>\n";
  if (!names->complete)
    page += "<p>There are more: this page looks at " + std::to_string(names_max) + " names.</p>\n";
  page += "</body></html>\n";
  return page;
}

}  // namespace http
