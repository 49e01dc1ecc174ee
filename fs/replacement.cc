#include "gyre/fs/replacement.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "gyre/fs/entry_path.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/shield.h"

namespace gyre {
namespace {

constexpr unsigned mode_bits = 07777;
constexpr unsigned mode_of_nobody_else = 0600;
constexpr unsigned mode_less_umask = 0666;

/// A name that nobody can have guessed and taken, and that is not too long whatever it stands for.
result<std::string> random_name() {
  std::array<unsigned char, 16> random;
  if (getrandom(random.data(), random.size(), GRND_INSECURE) != ssize_t{random.size()})
    return errno_error(errno);
  std::string name = ".gyre-";
  for (const unsigned char byte : random) {
    constexpr const char* digits = "0123456789abcdef";
    name += digits[byte >> 4];
    name += digits[byte & 15];
  }
  return name;
}

}  // namespace

replacement::replacement(directory parent, std::string name, std::string temporary, file content,
                         attributes kept) noexcept
    : parent_(std::move(parent)),
      name_(std::move(name)),
      temporary_(std::move(temporary)),
      content_(std::move(content)),
      attributes_(kept) {}

replacement::replacement(replacement&& other) noexcept
    : parent_(std::move(other.parent_)),
      name_(std::move(other.name_)),
      temporary_(std::exchange(other.temporary_, {})),
      content_(std::move(other.content_)),
      attributes_(other.attributes_) {}

replacement& replacement::operator=(replacement&& other) noexcept {
  replacement moved(std::move(other));
  std::swap(parent_, moved.parent_);
  std::swap(name_, moved.name_);
  std::swap(temporary_, moved.temporary_);
  std::swap(content_, moved.content_);
  std::swap(attributes_, moved.attributes_);
  return *this;
}

replacement::attributes replacement::attributes_of(const result<file_status>& old,
                                                   const replacement_options& options) noexcept {
  attributes kept;
  if (options.mode) {
    kept.mode = *options.mode & mode_bits;
  } else if (old && old->is_regular()) {
    kept.owner = old->raw().stx_uid;
    kept.group = old->raw().stx_gid;
    kept.mode = old->raw().stx_mode & mode_bits;
  }
  return kept;
}

task<result<replacement>> replacement::begin(directory& in, std::string path,
                                             replacement_options options) {
  auto split = entry_path::of(std::move(path));
  if (!split) co_return split.error();
  std::string lies_in = split->has_parent() ? split->parent() : ".";
  auto parent = co_await in.open_directory_beneath(std::move(lies_in));
  if (!parent) co_return parent.error();
  const auto old = co_await parent->status_beneath(split->name(), last_link::itself);
  if (!old && old.error() != std::errc::no_such_file_or_directory) co_return old.error();
  if (old && old->is_directory()) co_return std::errc::is_a_directory;
  const attributes kept = attributes_of(old, options);
  auto temporary = random_name();
  if (!temporary) co_return temporary.error();
  auto content = co_await parent->open_beneath(*temporary, O_RDWR | O_CREAT | O_EXCL,
                                               kept.mode ? mode_of_nobody_else : mode_less_umask);
  if (!content) co_return content.error();
  co_return replacement(*std::move(parent), split->name(), *std::move(temporary),
                        *std::move(content), kept);
}

task<result<void>> replacement::commit() {
  check(!temporary_.empty(), "a replacement was committed twice, or after it was discarded");
  check(!content_.opened().users().any(),
        "a replacement was committed while an operation on its content was in flight");
  const auto replaced = co_await put_in_place();
  if (!replaced) {
    (void)co_await discard();
    co_return replaced;
  }
  co_return co_await shield(parent_.sync());
}

// The owner before the mode: to change it may take bits from that.
task<result<void>> replacement::put_in_place() {
  if (attributes_.owner != static_cast<uid_t>(-1)) {
    const auto owned = co_await content_.change_owner(attributes_.owner, attributes_.group);
    if (!owned) co_return owned;
  }
  if (attributes_.mode) {
    const auto permitted = co_await content_.change_mode(*attributes_.mode);
    if (!permitted) co_return permitted;
  }
  const auto synced = co_await content_.sync();
  if (!synced) co_return synced;
  const auto closed = co_await content_.close();
  if (!closed) co_return closed;
  const auto renamed = co_await parent_.rename_beneath(temporary_, name_);
  if (renamed) temporary_.clear();
  co_return renamed;
}

task<result<void>> replacement::discard() {
  if (temporary_.empty()) co_return result<void>();
  co_return co_await shield(remove());
}

task<result<void>> replacement::remove() {
  if (content_.opened().is_open()) (void)co_await content_.close();
  const auto removed = co_await parent_.remove_beneath(temporary_);
  if (removed) temporary_.clear();
  co_return removed;
}

void replacement::remove_now() noexcept {
  if (!temporary_.empty()) unlinkat(parent_.opened().number(), temporary_.c_str(), 0);
}

task<result<void>> replace_file(directory& in, std::string path, std::span<const std::byte> content,
                                replacement_options options) {
  auto begun = co_await replacement::begin(in, std::move(path), options);
  if (!begun) co_return begun.error();
  const auto written = co_await begun->content().write_at(content, 0);
  if (written) co_return co_await begun->commit();
  (void)co_await begun->discard();
  co_return written;
}

}  // namespace gyre
