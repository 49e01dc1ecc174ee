#include "gyre/examples/http/exchange.h"

#include "gyre/examples/http/listing.h"
#include "gyre/examples/http/metrics.h"
#include "gyre/examples/http/request_target.h"
#include "gyre/examples/http/server.h"
#include "gyre/examples/http/steady_write.h"
#include "gyre/io/dump_tasks_on.h"
#include "gyre/runtime/with_class.h"

namespace http {
namespace {

constexpr std::string_view plain_text = "text/plain; charset=utf-8";
constexpr std::string_view html = "text/html; charset=utf-8";

}  // namespace

void exchange::begin(const request& request) noexcept {
  http_1_0_ = request.http_1_0;
  head_only_ = request.method == request::method::head;
  keep_alive_ = request.keep_alive && !home_.accepting.draining();
}

response_head exchange::head(status status, std::string_view content_type) const noexcept {
  response_head made(status);
  made.http_1_0 = http_1_0_;
  made.keep_alive = keep_alive_;
  made.content_type = content_type;
  return made;
}

/// There must be room.
void exchange::put_head(const response_head& head) noexcept {
  append_head(out_, head, home_.dates.now());
  ++home_.counters.answers[code(head.status) / 100];
}

/// Appends an answer that is there as a whole; false where it does not fit.
bool exchange::put(const response_head& head, std::string_view body) {
  if (head_only_) body = {};
  if (!out_.make_room(head_size_max(head) + body.size())) return false;
  put_head(head);
  out_.append(body);
  return true;
}

bool exchange::answer_at_once(const request& request) {
  constexpr std::string_view body = "Hello, World!";
  if (request.target != "/plaintext" || request.method == request::method::other) return false;
  begin(request);
  response_head answer = head(status::ok, plain_text);
  answer.content_length = body.size();
  return put(answer, body);
}

gyre::task<gyre::result<void>> exchange::flush() {
  gyre::result<void> flushed;
  for (auto rest = out_.bytes(); !rest.empty();) {
    const auto write = [&] { return stream_.write_some(rest); };
    const auto written = co_await write_steadily(stream_, write, home_.limits.write_time);
    if (!written) {
      flushed = written.error();
      break;
    }
    rest = rest.subspan(*written);
    home_.counters.sent_bytes += *written;
  }
  if (!out_.empty()) out_.clear();
  co_return flushed;
}

gyre::task<gyre::result<void>> exchange::make_room(std::size_t count) {
  if (out_.make_room(count)) co_return gyre::result<void>();
  auto flushed = co_await flush();
  if (!flushed) co_return flushed;
  if (!out_.make_room(count)) co_return std::errc::no_buffer_space;
  co_return flushed;
}

/// Sends an answer of any length.
gyre::task<gyre::result<void>> exchange::send(response_head head, std::string_view body) {
  head.content_length = body.size();
  if (put(head, body)) co_return gyre::result<void>();
  auto outcome = co_await make_room(head_size_max(head));
  if (!outcome) co_return outcome;
  put_head(head);
  while (!head_only_ && !body.empty()) {
    const auto piece = body.substr(0, out_.fits_empty());
    outcome = co_await make_room(piece.size());
    if (!outcome) co_return outcome;
    out_.append(piece);
    body.remove_prefix(piece.size());
  }
  co_return gyre::result<void>();
}

gyre::task<gyre::result<void>> exchange::send_status(status status) {
  std::string body(status_text(status));
  body += '\n';
  co_return co_await send(head(status, plain_text), body);
}

gyre::task<gyre::result<void>> exchange::refuse(status status) {
  // The request may not have come far enough to tell that it is HEAD: the connection is closed, so
  // that a body which nobody awaits does no harm.
  begin(request());
  co_return co_await send_status(status);
}

gyre::task<gyre::result<void>> exchange::say_continue() {
  constexpr std::string_view interim = "HTTP/1.1 100 Continue\r\n\r\n";
  auto room = co_await make_room(interim.size());
  if (!room) co_return room;
  out_.append(interim);
  co_return co_await flush();
}

gyre::task<gyre::result<void>> exchange::answer(const request& request) {
  begin(request);
  if (request.method == request::method::other)
    co_return co_await send_status(status::method_not_allowed);
  const auto path = path_of(request.target);
  if (!path) co_return co_await send_status(status::bad_request);
  if (*path == "/plaintext") co_return co_await send(head(status::ok, plain_text), "Hello, World!");
  if (*path == "/metrics") co_return co_await in_background(answer_metrics());
  if (*path == "/tasks") co_return co_await in_background(answer_tasks());
  co_return co_await answer_path(request, *path);
}

/// What takes long, and is in no hurry.
gyre::task<gyre::result<void>> exchange::in_background(gyre::task<gyre::result<void>> answer) {
  if (!home_.background) co_return co_await std::move(answer);
  co_return co_await gyre::with_class(*home_.background, std::move(answer));
}

gyre::task<gyre::result<void>> exchange::answer_metrics() {
  const std::string text = co_await collect_metrics(home_.all, home_);
  co_return co_await send(head(status::ok, "text/plain; version=0.0.4; charset=utf-8"), text);
}

gyre::task<gyre::result<void>> exchange::answer_tasks() {
  const std::string text = co_await gyre::dump_tasks_of_all(home_.all.cores());
  co_return co_await send(head(status::ok, plain_text), text);
}

gyre::task<gyre::result<void>> exchange::answer_path(const request& request,
                                                     std::string_view path) {
  auto decoded = decode_path(path);
  if (!decoded) co_return co_await send_status(status::bad_request);
  found target = co_await home_.files->find(*decoded);
  switch (target.what) {
    case found::kind::file:
      co_return co_await answer_file(request, target);
    case found::kind::directory:
      co_return co_await in_background(answer_listing(target));
    case found::kind::elsewhere: {
      // Made anew from what was found: two slashes in front would name another host.
      const std::string location = "/" + encode_path(target.name) + "/";
      response_head answer = head(status::moved_permanently, plain_text);
      answer.location = location;
      co_return co_await send(answer, "It is at " + location + "\n");
    }
    case found::kind::error:
      break;
  }
  co_return co_await send_status(target.status);
}

gyre::task<gyre::result<void>> exchange::answer_listing(found& directory) {
  const auto page = list_directory(directory.opened->opened(), directory.name);
  if (!page) co_return co_await send_status(status::internal_server_error);
  co_return co_await send(head(status::ok, html), *page);
}

}  // namespace http
