#include <fcntl.h>

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gyre/examples/kv/change_log.h"
#include "gyre/examples/kv/record_reader.h"
#include "gyre/runtime/shield.h"

// How a log is written anew. What is in the file at the beginning is copied record by record, as
// far as it is live; what comes meanwhile is copied as it is. So a record is left out only where
// one in the part that is copied whole, or in the last group, has taken its place.
namespace kv {
namespace {

constexpr std::size_t piece_size = 256 << 10;
// How much is left for the time when nothing else is written.
constexpr std::uint64_t rest_max = 256 << 10;

/// A new file that grows at its end.
class growing_file {
 public:
  explicit growing_file(gyre::file opened) noexcept : file(std::move(opened)) {}

  gyre::task<gyre::result<void>> append(std::string_view bytes) {
    const auto wrote = co_await file.write_at(std::as_bytes(std::span(bytes)), size);
    if (wrote) size += bytes.size();
    co_return wrote;
  }

  gyre::file file;
  std::uint64_t size = 0;
};

/// Appends the part of `from` between the two offsets.
gyre::task<gyre::result<void>> append_part(growing_file& next, gyre::file& from,
                                           std::uint64_t begin, std::uint64_t end) {
  std::vector<char> piece(
      static_cast<std::size_t>(std::min<std::uint64_t>(end - begin, piece_size)));
  while (begin < end) {
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(end - begin, piece.size()));
    const auto part = std::span(piece).first(wanted);
    const auto got = co_await from.read_at(std::as_writable_bytes(part), begin);
    if (!got) co_return got.error();
    if (*got < wanted) co_return std::errc::io_error;  // it was there
    const auto appended = co_await next.append({piece.data(), wanted});
    if (!appended) co_return appended;
    begin += wanted;
  }
  co_return gyre::result<void>();
}

/// Appends the live records in the first `end` bytes of a log.
gyre::task<gyre::result<void>> append_live(growing_file& next, gyre::file& from, std::uint64_t salt,
                                           std::uint64_t end,
                                           const std::function<bool(const record&)>& is_live) {
  record_reader reader(from, log_header::size, end, salt);
  std::string gathered;
  for (;;) {
    const auto found = co_await reader.next();
    if (!found) co_return found.error();
    if (!*found) break;
    const record_kind kind = reader.current().kind;
    const bool stays = kind == record_kind::set || kind == record_kind::expire;
    if (stays && is_live(reader.current())) gathered.append(reader.raw());
    if (gathered.size() < piece_size) continue;
    const auto appended = co_await next.append(gathered);
    if (!appended) co_return appended;
    gathered.clear();
  }
  if (reader.offset() != end) co_return std::errc::io_error;  // what was good is no more
  co_return co_await next.append(gathered);
}

}  // namespace

/// A log that is being written anew.
class change_log::next_file : public growing_file {
 public:
  using growing_file::growing_file;
  std::uint64_t copied = 0;  ///< up to which offset of the old one
};

gyre::task<gyre::result<void>> change_log::compact(std::function<bool(const record&)> is_live) {
  const std::string next_name = name_ + ".new";
  auto opened = co_await place_.open_beneath(next_name, O_RDWR | O_CREAT | O_TRUNC, 0666);
  if (!opened) co_return opened.error();
  next_file next(*std::move(opened));
  gyre::result<void> done = co_await fill(next, is_live);
  if (done) done = co_await gyre::shield(switch_to(next));
  if (done) {
    ++counters_.compactions;
    co_return done;
  }
  (void)co_await next.file.close();
  (void)co_await gyre::shield(place_.remove_beneath(next_name));
  co_return done;
}

gyre::task<gyre::result<void>> change_log::fill(next_file& next,
                                                const std::function<bool(const record&)>& is_live) {
  const auto begun = co_await next.append(header_.encode());
  if (!begun) co_return begun;
  next.copied = size_;
  const auto live = co_await append_live(next, *file_, header_.salt, next.copied, is_live);
  if (!live) co_return live;
  // Each time there is less to copy, unless more comes than the disk can take.
  for (int round = 0; round < 8 && size_ - next.copied > rest_max; ++round) {
    const std::uint64_t end = size_;
    const auto rest = co_await append_part(next, *file_, next.copied, end);
    if (!rest) co_return rest;
    next.copied = end;
  }
  // So that little is left for the sync that changes wait for.
  co_return co_await next.file.sync();
}

/// Copies what is left, and puts the new file in the place of the old one. Nobody else writes
/// meanwhile; changes that come make the next group.
gyre::task<gyre::result<void>> change_log::switch_to(next_file& next) {
  auto turn = co_await file_mutex_.lock();
  if (!turn) co_return turn.error();
  if (failure_) co_return failure_;
  // What made a record dead that was left out may be in this group.
  group* const last = filling_->records > 0 ? &begin_writing() : nullptr;
  const gyre::result<void> finished = co_await finish(next, last);
  if (!finished) {
    if (last) co_await write(*last);
    co_return finished;
  }
  const auto synced = co_await place_.sync();
  if (!synced) {
    // A crash may bring back the old file or not: whatever is appended to either could be lost.
    fail("fsync of the directory", synced.error());
    co_return synced;
  }
  (void)co_await file_->close();
  file_.emplace(std::move(next.file));
  size_ = next.size;
  if (last) ended(*last);
  co_return gyre::result<void>();
}

/// Completes the new file, to the disk, and gives it its name.
gyre::task<gyre::result<void>> change_log::finish(next_file& next, const group* last) {
  const auto rest = co_await append_part(next, *file_, next.copied, size_);
  if (!rest) co_return rest;
  // The sequence numbers go on from here, though the last change may have left no record.
  std::string end;
  record(record_kind::mark, durable_).encode(end, header_.salt);
  if (last) end.append(last->bytes);
  const auto appended = co_await next.append(end);
  if (!appended) co_return appended;
  const auto synced = co_await next.file.sync();
  if (!synced) co_return synced;
  co_return co_await place_.rename_beneath(name_ + ".new", name_);
}

}  // namespace kv
