#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "gyre/examples/http/core.h"
#include "gyre/examples/http/output.h"
#include "gyre/examples/http/request.h"
#include "gyre/examples/http/response_head.h"
#include "gyre/examples/http/send_file.h"
#include "gyre/examples/http/validators.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace http {

/// Answers the requests of a connection, one after the other. Answers gather in the output until
/// `flush`; only what is too long for it is sent at once, after all that was there before.
class exchange {
 public:
  exchange(core& home, gyre::tcp_stream& stream) noexcept
      : home_(home),
        stream_(stream),
        out_(home.blocks),
        files_(home.pipes, home.blocks, home.counters, home.limits.write_time) {}
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;

  /// Answers what takes no waiting; false when `answer` has to be called.
  bool answer_at_once(const request& request);
  /// Answers anything. After an error the connection can't go on.
  gyre::task<gyre::result<void>> answer(const request& request);
  /// Answers with a status alone, and lets the connection be closed.
  gyre::task<gyre::result<void>> refuse(status status);
  /// Tells the client that its body is awaited.
  gyre::task<gyre::result<void>> say_continue();

  /// Writes all that has gathered.
  gyre::task<gyre::result<void>> flush();
  bool has_output() const noexcept { return !out_.empty(); }

  /// Whether the connection goes on after the last answer.
  bool keep_alive() const noexcept { return keep_alive_; }

 private:
  void begin(const request& request) noexcept;
  response_head head(status status, std::string_view content_type) const noexcept;
  void put_head(const response_head& head) noexcept;
  bool put(const response_head& head, std::string_view body);
  gyre::task<gyre::result<void>> make_room(std::size_t count);
  gyre::task<gyre::result<void>> send(response_head head, std::string_view body);
  gyre::task<gyre::result<void>> send_status(status status);

  gyre::task<gyre::result<void>> answer_metrics();
  gyre::task<gyre::result<void>> answer_tasks();
  gyre::task<gyre::result<void>> in_background(gyre::task<gyre::result<void>> answer);
  gyre::task<gyre::result<void>> answer_path(const request& request, std::string_view path);
  gyre::task<gyre::result<void>> answer_listing(found& directory);
  gyre::task<gyre::result<void>> answer_file(const request& request, found& file);
  gyre::task<gyre::result<void>> send_whole(response_head head, gyre::file& file, byte_range part);
  gyre::task<gyre::result<void>> send_parts(response_head head, gyre::file& file,
                                            const byte_ranges& ranges);
  gyre::task<gyre::result<void>> send_bytes(gyre::file& file, byte_range part);

  core& home_;
  gyre::tcp_stream& stream_;
  output out_;
  file_transfer files_;
  bool http_1_0_ = false;
  bool head_only_ = false;
  bool keep_alive_ = false;
};

}  // namespace http
