#include "gyre/examples/kv/change_log.h"

#include <fcntl.h>

#include <algorithm>
#include <random>
#include <span>
#include <stdexcept>
#include <vector>

#include "gyre/examples/kv/crc32c.h"
#include "gyre/examples/kv/record_reader.h"
#include "gyre/fs/replacement.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/link.h"

namespace kv {
namespace {

// A group's memory is kept for the next one, unless it was an unusual one.
constexpr std::size_t kept_capacity_max = 4 << 20;
// How much is written again at a time.
constexpr std::size_t piece_size = 256 << 10;

[[noreturn]] void refuse(const std::string& name, const std::string& why) {
  throw std::runtime_error("the log \"" + name + "\" " + why);
}

[[noreturn]] void refuse(const std::string& name, const std::string& what, std::error_code error) {
  refuse(name, what + ": " + error.message() + " (errno " + std::to_string(error.value()) + ")");
}

std::span<const std::byte> bytes_of(const std::string& text) noexcept {
  return std::as_bytes(std::span(text));
}

gyre::task<std::optional<log_header>> read_header(gyre::file& opened, std::string name) {
  std::string bytes(log_header::size, '\0');
  const auto got = co_await opened.read_at(std::as_writable_bytes(std::span(bytes)), 0);
  if (!got) refuse(name, "can't be read", got.error());
  co_return log_header::decode(std::string_view(bytes).substr(0, *got));
}

}  // namespace

change_log::change_log(gyre::directory& place, std::string name, bool sync)
    : place_(place), name_(std::move(name)), sync_(sync) {}

gyre::task<std::optional<log_header>> change_log::header_of(gyre::directory& place,
                                                            std::string name) {
  auto opened = co_await place.open_beneath(name, O_RDONLY);
  if (opened.error() == std::errc::no_such_file_or_directory) co_return std::nullopt;
  if (!opened) refuse(name, "can't be opened", opened.error());
  const auto header = co_await read_header(*opened, name);
  if (!header) refuse(name, "is none of this server: its header is damaged, or another's");
  co_return header;
}

gyre::task<> change_log::create(gyre::directory& place, std::string name, std::uint32_t shard,
                                std::uint32_t shards) {
  const auto there = co_await place.status_beneath(name);
  if (there && there->size() > log_header::size)
    refuse(name, "holds records, but the one that is made last is missing: \"0.log\"");
  if (!there && there.error() != std::errc::no_such_file_or_directory)
    refuse(name, "can't be looked at", there.error());
  std::random_device random;
  const std::uint64_t salt = (static_cast<std::uint64_t>(random()) << 32) | random();
  const std::string header = log_header(shard, shards, salt).encode();
  const auto made = co_await gyre::replace_file(place, name, bytes_of(header));
  if (!made) refuse(name, "can't be made", made.error());
}

gyre::task<> change_log::open(std::uint32_t shard, std::uint32_t shards,
                              const std::function<void(const record&)>& replay) {
  // Of a server that was killed while it wrote the log anew.
  (void)co_await place_.remove_beneath(name_ + ".new");
  auto opened = co_await place_.open_beneath(name_, O_RDWR);
  if (!opened) refuse(name_, "can't be opened", opened.error());
  file_.emplace(*std::move(opened));
  const auto header = co_await read_header(*file_, name_);
  if (!header) refuse(name_, "is none of this server: its header is damaged, or another's");
  if (header->shard != shard || header->shards != shards)
    refuse(name_, "is that of shard " + std::to_string(header->shard) + " of " +
                      std::to_string(header->shards) + ", but shard " + std::to_string(shard) +
                      " of " + std::to_string(shards) + " was expected");
  header_ = *header;
  co_await replay_all(replay);
  durable_ = last_;
}

gyre::task<> change_log::replay_all(const std::function<void(const record&)>& replay) {
  const auto status = co_await file_->status();
  if (!status) refuse(name_, "can't be looked at", status.error());
  size_ = status->size();
  record_reader reader(*file_, log_header::size, size_, header_.salt);
  fingerprint uncertain;  // what follows the records that are known to have been on the disk
  for (;;) {
    const auto found = co_await reader.next();
    if (!found) refuse(name_, "can't be read", found.error());
    if (!*found) break;
    const record& each = reader.current();
    if (each.kind == record_kind::mark && each.sequence >= last_)
      uncertain = fingerprint(reader.offset());
    if (sync_) uncertain.add(reader);
    if (each.kind == record_kind::mark) {
      last_ = std::max(last_, each.sequence);
      continue;
    }
    if (each.sequence <= last_)
      refuse(name_, "goes back from change " + std::to_string(last_) + " to " +
                        std::to_string(each.sequence) + " at offset " +
                        std::to_string(reader.offset()) + ": expected a later one");
    last_ = each.sequence;
    replay(each);
  }
  co_await settle_end(reader);
  co_await write_again(uncertain);
}

/// Whatever is behind the last good record must be of a group that a crash cut: then nobody was
/// told that it is durable, and it goes. A mark behind it says otherwise.
gyre::task<> change_log::settle_end(record_reader& reader) {
  const std::uint64_t end = reader.offset();
  if (!reader.at_end()) {
    const auto later = co_await reader.finds_mark_after(last_);
    if (!later) refuse(name_, "can't be read", later.error());
    if (*later)
      refuse(name_, "is damaged at offset " + std::to_string(end) +
                        ": expected a record, since good ones follow that were written later");
    counters_.cut_bytes = size_ - end;
    const auto cut = co_await file_->truncate(end);
    if (!cut) refuse(name_, "can't be cut", cut.error());
    size_ = end;
  }
}

/// The checksum of a record is in its head, and so stands for all of it.
void change_log::fingerprint::add(const record_reader& reader) noexcept {
  sum = crc32c(reader.raw().substr(0, record::head_size), sum);
}

/// The end of the log, from where on it may be in the cache alone. To sync it is not enough: the
/// kernel takes pages for clean once it has failed to write them, and says so to those only who had
/// the file open then. It may also have dropped such pages since they were replayed; so what is
/// written must be what was read then. From here on all counts as durable.
gyre::task<> change_log::write_again(const fingerprint& uncertain) {
  if (sync_) {
    record_reader reader(*file_, uncertain.begin, size_, header_.salt);
    fingerprint read(uncertain.begin);
    std::uint64_t written = uncertain.begin;
    std::string piece;
    for (bool more = true; more;) {
      const auto found = co_await reader.next();
      if (!found) refuse(name_, "can't be read again", found.error());
      more = *found;
      if (more) {
        read.add(reader);
        piece.append(reader.raw());
        if (piece.size() < piece_size) continue;
      }
      const auto wrote = co_await file_->write_at(bytes_of(piece), written);
      if (!wrote) refuse(name_, "can't be written again", wrote.error());
      written += piece.size();
      piece.clear();
    }
    if (written != size_ || read.sum != uncertain.sum)
      refuse(name_, "has changed behind offset " + std::to_string(uncertain.begin) +
                        " while it was opened: expected the same records again");
  }
  const auto synced = co_await file_->sync();
  if (!synced) refuse(name_, "can't be synced", synced.error());
}

std::uint64_t change_log::append(record change) {
  gyre::check(!failure_, "a change was appended to a log that has failed");
  std::string& bytes = filling_->bytes;
  if (filling_->records == 0) bytes.assign(record::head_size, '\0');
  // Memory first: half a record would spoil the others.
  const std::size_t needed = bytes.size() + change.size();
  if (needed > bytes.capacity()) bytes.reserve(std::max(needed, 2 * bytes.capacity()));
  change.sequence = ++last_;
  change.encode(bytes, header_.salt);
  if (filling_->records++ == 0) changed_.set();
  return filling_->last = last_;
}

gyre::task<gyre::result<void>> change_log::wait_durable(std::uint64_t sequence) {
  while (sequence > durable_) {
    if (failure_) co_return failure_;
    group& other = filling_ == &groups_[0] ? groups_[1] : groups_[0];
    group& containing = sequence <= other.last ? other : *filling_;
    const auto waited = co_await containing.ended.wait();
    if (!waited) co_return waited.error();
  }
  co_return gyre::result<void>();
}

void change_log::close() noexcept {
  closing_ = true;
  changed_.set();
}

gyre::task<> change_log::write_groups() {
  for (;;) {
    if (filling_->records == 0) {
      if (closing_ || failure_) co_return;
      const auto changed = co_await changed_.wait();
      if (!changed) co_return fail("wait", changed.error());
      continue;
    }
    auto turn = co_await file_mutex_.lock();
    if (!turn) co_return fail("wait", turn.error());
    // Compaction may have written them.
    if (filling_->records > 0 && !failure_) co_await write(begin_writing());
  }
}

/// The records of the group that is being filled are complete; the next ones go to the other.
change_log::group& change_log::begin_writing() {
  group& complete = *filling_;
  std::string mark;
  // Nothing is known to be durable without sync.
  record(record_kind::mark, sync_ ? durable_ : 0).encode(mark, header_.salt);
  complete.bytes.replace(0, mark.size(), mark);
  filling_ = filling_ == &groups_[0] ? &groups_[1] : &groups_[0];
  filling_->ended.reset();
  return complete;
}

gyre::task<> change_log::write(group& written) {
  if (sync_) {
    const auto [wrote, synced] =
        co_await gyre::link(file_->write_at(bytes_of(written.bytes), size_), file_->sync_data());
    if (!wrote) co_return fail("write", wrote.error());
    if (!synced) co_return fail("fdatasync", synced.error());
  } else {
    const auto wrote = co_await file_->write_at(bytes_of(written.bytes), size_);
    if (!wrote) co_return fail("write", wrote.error());
  }
  size_ += written.bytes.size();
  ended(written);
}

/// All of the group is in the file.
void change_log::ended(group& written) noexcept {
  durable_ = written.last;
  ++counters_.groups;
  counters_.records += std::exchange(written.records, 0);
  written.bytes.clear();
  if (written.bytes.capacity() > kept_capacity_max) written.bytes = std::string();
  written.ended.set();
}

void change_log::fail(std::string_view call, std::error_code why) noexcept {
  if (!failure_) {
    failure_ = why;
    failed_call_ = call;
  }
  for (group& each : groups_) {
    each.records = 0;
    each.ended.set();
  }
  changed_.set();  // for `write_groups` to end
}

}  // namespace kv
