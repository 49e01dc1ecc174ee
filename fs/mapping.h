#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "gyre/fs/file.h"
#include "gyre/io/descriptor.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/mapping_ops.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// What may be done with mapped memory.
enum class mapping_access { read, read_write };

/// A file's content as memory, shared with all that read, write or map the file; see mmap(2).
///
/// To touch `bytes()` has two dangers that no result can tell of. Where the content is not in
/// memory the thread, and its loop, waits for the disk: `advise(MADV_POPULATE_READ)` fetches it
/// first, on another thread. And where somebody has cut the file short meanwhile, or the disk
/// fails, the process gets SIGBUS and ends. So `bytes()` is for files that nobody else can cut (a
/// memfd that is sealed against it, a file that only this program knows); `read_guarded` is for all
/// others: it asks the kernel for the same bytes, and gets an answer.
class mapping {
 public:
  /// Maps all of a regular file, as large as it is now; no bytes of an empty one. The mapping keeps
  /// a descriptor of its own: `mapped` may be closed. `no_such_device` (ENODEV) when it is not a
  /// regular file, `permission_denied` when it was not opened for what `access` says.
  static task<result<mapping>> of(file& mapped, mapping_access access = mapping_access::read);
  /// Maps `size` bytes from `offset`, of any alignment; `invalid_argument` when the file ends
  /// before.
  static task<result<mapping>> of(file& mapped, std::uint64_t offset, std::size_t size,
                                  mapping_access access = mapping_access::read);

  mapping(mapping&& other) noexcept;
  mapping& operator=(mapping&& other) noexcept;
  /// Unmaps. No operation may be in flight.
  ~mapping() { unmap(); }

  /// Unmaps when what is in flight here has ended. Not ended by a stop. What begins meanwhile,
  /// another close included, ends with `bad_file_descriptor`.
  task<result<void>> close();

  std::size_t size() const noexcept { return bytes_.size(); }
  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  /// For mappings with `read_write` only. `sync` brings to the disk what is written here; without
  /// it the kernel does so at some time.
  std::span<std::byte> writable_bytes() noexcept;

  /// Copies what is at `offset` of the mapping into `buffer`, which must stay until that has ended.
  /// Gives fewer bytes than the buffer takes where the mapping ends, and where the file does by
  /// now. By pread(2): the kernel keeps both views the same, whatever wrote to them.
  op::read_at read_guarded(std::span<std::byte> buffer, std::size_t offset) noexcept;

  /// Tells the kernel what the pages will be used for: an MADV_ value, see madvise(2).
  /// MADV_POPULATE_READ (Linux 5.14) brings them into memory; `bad_address` (EFAULT) when the file
  /// was cut short.
  op::madvise advise(int advice) noexcept { return {descriptor_, pages_, advice}; }

  /// Waits until what was written here is on the disk; see msync(2). A failure is told once: then
  /// what was written may be lost, and a second `sync` succeeds all the same.
  op::msync sync() noexcept { return {descriptor_, pages_}; }

 private:
  mapping(descriptor mapped, std::span<std::byte> pages, std::span<std::byte> bytes,
          std::uint64_t offset, mapping_access access) noexcept;
  void unmap() noexcept;

  descriptor descriptor_;
  std::span<std::byte> pages_;  // whole ones
  std::span<std::byte> bytes_;  // what of them was asked for
  std::uint64_t offset_ = 0;
  mapping_access access_ = mapping_access::read;
};

}  // namespace gyre
