#include "gyre/tests/io/kernel_workers.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "gyre/io/catalogue.h"
#include "gyre/io/choose_backend.h"
#include "gyre/io/copy_ops.h"
#include "gyre/io/descriptor.h"
#include "gyre/io/direct_descriptor.h"
#include "gyre/io/event_counter.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/futex_ops.h"
#include "gyre/io/mapping_ops.h"
#include "gyre/io/message_ops.h"
#include "gyre/io/path_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/pipe_ops.h"
#include "gyre/io/poll_ops.h"
#include "gyre/io/process.h"
#include "gyre/io/resolver_ops.h"
#include "gyre/io/ring_ops.h"
#include "gyre/io/socket_ops.h"
#include "gyre/io/socket_setup_ops.h"
#include "gyre/io/space_ops.h"
#include "gyre/io/splice_ops.h"
#include "gyre/io/write_ops.h"
#include "gyre/io/xattr_ops.h"
#include "gyre/runtime/link.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/run_on.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"

namespace gyre {
namespace {

using namespace std::chrono_literals;

using names = std::set<std::string>;

/// What operations a ring ran, and those of them that it took kernel workers for. Each is told
/// apart from the next by when the worker is there: they must not be in flight together.
class findings {
 public:
  void begins(const operation_kind& kind) {
    ascribe();
    last_ = kind.name;
    ran.insert(last_);
  }
  void ascribe() {
    std::set<int> workers = kernel_workers();
    if (!std::ranges::includes(known_, workers)) took_workers.insert(last_);
    known_.merge(workers);
  }

  names ran;
  names took_workers;

 private:
  std::string last_ = "nothing";
  std::set<int> known_ = kernel_workers();
};

/// On a thread of its own, whose workers end with it: none is left of another test to be taken
/// instead of a new one.
findings run_on_ring(task<> (*body)()) {
  findings found;
  std::thread([&] {
    const auto watch = [&](const operation_kind& kind, bool) { found.begins(kind); };
    loop home(std::make_unique<watched_backend>(
        make_backend(backend_choice::uring, uring_options(), {}), watch));
    run_on(home, body());
    found.ascribe();
  }).join();
  return found;
}

class scratch_directory {
 public:
  scratch_directory() : path_(testing::TempDir() + "/kernel-workers-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) throw std::system_error(errno, std::generic_category());
  }
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  ~scratch_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::string path_of(const std::string& name) const { return path_ + "/" + name; }
  // Not by an operation: opening through the ring may take a worker.
  descriptor open_directory() const { return descriptor(::open(path_.c_str(), O_DIRECTORY)); }
  descriptor open_file() const {
    return descriptor(::open(path_of("file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  }

 private:
  std::string path_;
};

task<> change_files(descriptor& file) {
  const std::array<std::byte, 8192> content{};
  const std::array<iovec, 1> buffers = {{{const_cast<std::byte*>(content.data()), content.size()}}};
  (co_await op::write_at(file, content, 0)).value();
  (co_await op::pwritev2(file, buffers, 4096)).value();
  (co_await op::fallocate(file, FALLOC_FL_KEEP_SIZE, 0, 1 << 20)).value();
  (co_await op::sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WRITE)).value();
  (co_await op::fsync(file, op::fsync::what::all)).value();
  (co_await op::fsync(file, op::fsync::what::data)).value();
  (co_await op::copy_file_range(file, 0, file, 16384, 4096)).value();
  (co_await op::ftruncate(file, 8192)).value();
  (co_await op::fchmod(file, 0640)).value();
  (co_await op::fchown(file, getuid(), getgid())).value();
}

task<> read_files(descriptor& file) {
  std::array<std::byte, 8192> content;
  const std::array<iovec, 1> buffers = {{{content.data(), content.size()}}};
  (co_await op::preadv2(file, buffers, 0)).value();
  (co_await op::fsync(file, op::fsync::what::data)).value();
  (co_await op::fadvise(file, 0, 0, POSIX_FADV_DONTNEED)).value();
  (co_await op::preadv2(file, buffers, 0)).value();  // from the disk
  (co_await op::readahead(file, 0, 4096)).value();
  (co_await op::fstat(file)).value();
  void* pages = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file.number(), 0);
  const std::span mapped(static_cast<std::byte*>(pages), 4096);
  (co_await op::madvise(file, mapped, MADV_WILLNEED)).value();
  (co_await op::msync(file, mapped)).value();
  munmap(pages, 4096);
  descriptor memory(memfd_create("memory", MFD_CLOEXEC));
  (co_await op::syncfs(memory)).value();
}

// Not every file system has extended attributes: what they come to makes no difference here.
task<> use_attributes(descriptor& file, const std::string& path) {
  std::array<std::byte, 8> value{};
  std::array<char, 256> list;
  (void)co_await op::fsetxattr(file, "user.first", value, 0);
  (void)co_await op::setxattr(path.c_str(), "user.second", value, 0);
  (void)co_await op::fgetxattr(file, "user.first", value);
  (void)co_await op::getxattr(path.c_str(), "user.second", value);
  (void)co_await op::flistxattr(file, list);
  (void)co_await op::fremovexattr(file, "user.first");
}

task<> use_files() {
  const scratch_directory place;
  descriptor file = place.open_file();
  co_await change_files(file);
  co_await read_files(file);
  co_await use_attributes(file, place.path_of("file"));
}

task<> use_names() {
  const scratch_directory place;
  descriptor at = place.open_directory();
  descriptor file = place.open_file();
  std::array<char, 16> text;
  std::array<std::byte, 1024> entries;
  descriptor inotify(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  (co_await op::inotify_add_watch(inotify, place.path_of("").c_str(), IN_CREATE)).value();
  (co_await op::mkdirat(at, "room", 0700)).value();
  (co_await op::linkat(at, "file", at, "room/second", 0)).value();
  (co_await op::symlinkat("second", at, "room/pointer")).value();
  (co_await op::readlinkat(at, "room/pointer", text)).value();
  (co_await op::renameat2(at, "room/second", at, "room/renamed", RENAME_NOREPLACE)).value();
  (co_await op::stat(at, "room/renamed", 0)).value();
  EXPECT_FALSE(co_await op::stat(at, "none", 0));
  (co_await op::getdents64(at, entries)).value();
  (co_await op::unlinkat(at, "room/renamed", 0)).value();
}

task<> use_stream(descriptor& client, descriptor& server) {
  std::array<std::byte, 4> bytes{};
  const std::array<iovec, 1> into = {{{bytes.data(), bytes.size()}}};
  std::array<iovec, 1> from = into;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> { (co_await op::recv(server, bytes)).value(); });  // waits
    co_await yield();
    (co_await op::send(client, bytes)).value();
  });
  (co_await op::send_all(client, bytes)).value();
  (co_await op::recv_exactly(server, bytes)).value();
  (co_await op::sendmsg_all(client, from)).value();
  (co_await op::recvmsg(server, into)).value();
  (co_await op::send_message(client, bytes, nullptr, 0, {})).value();
  (co_await op::receive_message(server, bytes, {}, 0)).value();
  (co_await op::send_all(client, bytes)).value();
  (co_await op::poll(server, POLLIN)).value();
  (co_await op::shutdown(server, SHUT_RDWR)).value();
}

task<> use_sockets() {
  descriptor listener = (co_await op::socket(AF_INET, SOCK_STREAM)).value();
  sockaddr_in here = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {}};
  socklen_t size = sizeof here;
  auto* const address = reinterpret_cast<sockaddr*>(&here);
  std::array<std::byte, sizeof(int)> option;
  (co_await op::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, 1)).value();
  (co_await op::getsockopt(listener, SOL_SOCKET, SO_REUSEADDR, option)).value();
  (co_await op::bind(listener, address, size)).value();
  (co_await op::listen(listener, 8)).value();
  getsockname(listener.number(), address, &size);
  descriptor client = (co_await op::socket(AF_INET, SOCK_STREAM)).value();
  (co_await op::connect(client, address, size)).value();
  descriptor server = (co_await op::accept(listener)).value();
  co_await use_stream(client, server);
  direct_descriptor direct;
  (co_await direct.socket(AF_INET, SOCK_STREAM)).value();
  (co_await direct.close()).value();
  op::address_list found;
  const std::atomic<bool> given_up = false;
  (co_await op::getaddrinfo("127.0.0.1", addrinfo{}, found, given_up)).value();
}

task<> use_pipes() {
  const scratch_directory place;
  descriptor file = place.open_file();
  gyre::pipe first = gyre::pipe::create(4096).value();
  gyre::pipe second = gyre::pipe::create(4096).value();
  std::array<int, 2> ends;
  (void)socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data());
  descriptor socket(ends[0]);
  descriptor peer(ends[1]);
  std::array<std::byte, 4> bytes{};
  (co_await op::write(first.write_end, bytes)).value();
  (co_await op::tee(first.read_end, second.write_end, 4)).value();
  (co_await op::read(first.read_end, bytes)).value();
  (co_await op::splice_to_socket(second.read_end, socket, 4, false)).value();
  (co_await op::splice_from_stream(peer, first.write_end, 4)).value();
  (co_await op::splice_to_file(first.read_end, file, 0, 4)).value();
  (co_await op::vmsplice(first.write_end, bytes)).value();
}

task<> use_others() {
  (co_await op::nop()).value();
  event_counter counter = event_counter::create(1).value();
  (co_await counter.take()).value();
  (co_await sleep_for(1ms)).value();
  std::atomic<std::uint32_t> word = 0;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> { (co_await op::futex_wait(word, 0)).value(); });
    while ((co_await op::futex_wake(word, 1)).value() == 0) co_await yield();
  });
  const std::vector<std::string> arguments = {"true"};
  process child = (co_await process::spawn(arguments)).value();
  EXPECT_TRUE((co_await child.wait()).value().succeeded());
}

task<> use_everything() {
  co_await use_files();
  co_await use_names();
  co_await use_sockets();
  co_await use_pipes();
  co_await use_others();
}

TEST(kernel_workers, are_taken_by_nothing_whose_policy_says_so) {
  const findings found = run_on_ring(use_everything);
  EXPECT_EQ(found.took_workers, names());
  names without;
  for (const operation_kind* kind : catalogue())
    if (!may_take_kernel_worker(*kind, false)) without.insert(kind->name);
  names missing;
  std::ranges::set_difference(without, found.ran, std::inserter(missing, missing.end()));
  EXPECT_EQ(missing, names()) << "operations that this test has not tried";
}

task<> write_durably() {
  const scratch_directory place;
  descriptor file = place.open_file();
  const std::array<std::byte, 4> bytes{};
  auto [written, durable] =
      co_await link(op::write_at(file, bytes, 0), op::fsync(file, op::fsync::what::data));
  EXPECT_TRUE(written && durable);
}

TEST(kernel_workers, are_seen_where_a_link_takes_one) {
  EXPECT_EQ(run_on_ring(write_durably).took_workers, names{"fsync"});
  EXPECT_TRUE(may_take_kernel_worker(op::fsync::kind, true));
}

}  // namespace
}  // namespace gyre
