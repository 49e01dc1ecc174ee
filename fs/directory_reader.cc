#include "gyre/fs/directory_reader.h"

#include <dirent.h>

#include "gyre/io/path_ops.h"

namespace gyre {
namespace {

constexpr std::size_t batch_bytes = 32768;  // as much as readdir(3) reads

entry_type type_of(unsigned char kernel_type) noexcept {
  switch (kernel_type) {
    case DT_REG:
      return entry_type::regular;
    case DT_DIR:
      return entry_type::directory;
    case DT_LNK:
      return entry_type::symbolic_link;
    case DT_FIFO:
      return entry_type::fifo;
    case DT_SOCK:
      return entry_type::socket;
    case DT_CHR:
      return entry_type::character_device;
    case DT_BLK:
      return entry_type::block_device;
    default:
      return entry_type::unknown;
  }
}

}  // namespace

directory_reader::directory_reader(directory opened)
    : directory_(std::move(opened)), batch_(batch_bytes) {}

task<result<directory_reader>> directory_reader::open(directory& of) {
  auto opened = co_await of.open_directory_beneath(".");
  if (!opened) co_return opened.error();
  co_return directory_reader(*std::move(opened));
}

std::optional<directory_entry> directory_reader::take() noexcept {
  while (begin_ < end_) {
    const auto* entry = reinterpret_cast<const dirent64*>(batch_.data() + begin_);
    begin_ += entry->d_reclen;
    const std::string_view name(entry->d_name);
    if (name != "." && name != "..")
      return directory_entry(name, entry->d_ino, type_of(entry->d_type));
  }
  return std::nullopt;
}

task<result<std::optional<directory_entry>>> directory_reader::next() {
  while (true) {
    if (auto entry = take()) co_return entry;
    const auto size = co_await op::getdents64(directory_.opened(), batch_);
    if (!size) co_return size.error();
    if (*size == 0) co_return std::optional<directory_entry>();
    begin_ = 0;
    end_ = *size;
  }
}

}  // namespace gyre
