#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <string_view>

#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/splice_ops.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/conformance/conformance.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// A pipe that has no more room, and a file in memory to be spliced into it.
class full_pipe {
 public:
  full_pipe()
      : filled(pipe::create(4096).value()),
        content(filled.capacity(), 'x'),
        file(memfd_create("text", MFD_CLOEXEC)) {
    put(filled.write_end, content);
    put(file, "text");
  }

  pipe filled;
  std::string content;
  descriptor file;

 private:
  static void put(const descriptor& to, std::string_view text) {
    require(::write(to.number(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
};

task<std::string> read_all_there(pipe& from) {
  std::array<std::byte, 8192> buffer;
  const auto size = (co_await op::read(from.read_end, buffer)).value();
  co_return std::string(text_of(std::span(buffer).first(size)));
}

GYRE_TEST(full_pipe, is_waited_for_by_what_splices_into_it) {
  for (const bool kernel_has_it : {false, true}) {
    full_pipe to;
    std::size_t moved = 0;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        moved = (co_await op::splice_from_file(to.file, 0, to.filled.write_end, 100)).value();
      });
      co_await yield();
      if (kernel_has_it) (void)co_await sleep_for(2ms);
      EXPECT_EQ(moved, 0U);
      EXPECT_EQ(co_await read_all_there(to.filled), to.content);
    });
    EXPECT_EQ(moved, 4U);
    EXPECT_EQ(co_await read_all_there(to.filled), "text");
  }
}

GYRE_TEST(full_pipe, a_splice_into_it_stops) {
  for (const bool kernel_has_it : {false, true}) {
    full_pipe to;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        const auto moved = co_await op::splice_from_file(to.file, 0, to.filled.write_end, 100);
        EXPECT_EQ(moved.error(), std::errc::operation_canceled);
      });
      co_await yield();
      if (kernel_has_it) (void)co_await sleep_for(2ms);
      children.request_stop();
    });
    EXPECT_EQ(co_await read_all_there(to.filled), to.content);
  }
}

}  // namespace
}  // namespace gyre::conformance
