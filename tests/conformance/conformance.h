#pragma once

#include <cstddef>
#include <memory>
#include <source_location>
#include <span>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include "gyre/runtime/backend.h"
#include "gyre/runtime/task.h"

namespace gyre::conformance {

class backend_under_test;

/// How a behaviour is run.
enum class manner {
  once,             ///< from the beginning to the end
  undisturbed,      ///< likewise, and a sweep leaves it alone: see sweep.cc
  to_death,         ///< it ends the process
  stopped_anywhere  ///< again and again, asked to stop at its first turn, its second, …
};

/// A behaviour that all backends share. Its body is a coroutine that runs on a loop of its own.
class behaviour {
 public:
  using body = task<> (*)();

  behaviour(const char* suite, const char* name, body run, manner how, const char* last_words,
            std::source_location where = std::source_location::current())
      : suite(suite), name(name), run(run), how(how), last_words(last_words), where(where) {}

  const char* suite;
  const char* name;
  body run;
  manner how;
  /// Part of the sentence that the process ends with.
  const char* last_words;
  std::source_location where;
};

/// Makes a test of `tested` for each backend that it is for, <backend>/<suite>.<name>. After each
/// of them nothing may be left: no descriptor, no thread, no coroutine frame, no timer, and no
/// operation that was submitted and did not complete. Nor may a ring have taken a kernel worker,
/// unless for an operation whose policy allows for it, see `may_take_kernel_worker`.
bool add(const behaviour& tested);

/// All that were added.
std::span<const behaviour> behaviours();

/// One more backend of the kind that is being tested, for a loop on another thread.
std::unique_ptr<backend> make_backend_under_test();
/// What that makes from here on. For those who run behaviours.
void choose_backend_under_test(const backend_under_test& chosen);

/// How often a behaviour does what it does again and again: `often`, but `seldom` on a backend that
/// is restricted, and where it is swept, and run once for each of its places, of which doing it
/// again has no others.
int times(int often, int seldom = 10) noexcept;
/// From here on it is `seldom`. For those who run behaviours.
void repeat_seldom() noexcept;

/// Throws where `holds` is false, which ends the test: for what the rest of it relies on.
void require(bool holds, std::source_location where = std::source_location::current());

/// The characters of `text` as bytes to be sent.
inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}
/// Received bytes as characters to be compared.
inline std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace gyre::conformance

/// A test of one behaviour on every backend; the body that follows is a coroutine. In it, EXPECT_…
/// as in any test, and `require` or `result::value` for what must hold to go on.
#define GYRE_TEST(suite, name) GYRE_BEHAVIOUR(suite, name, once, nullptr)

/// One that a sweep leaves alone, which would run it many times: `why` says what for. One that
/// would not end if it were stopped, or failed, on its way should be mended instead.
#define GYRE_TEST_UNDISTURBED(suite, name, why) GYRE_BEHAVIOUR(suite, name, undisturbed, nullptr)

/// One whose body breaks a rule, and which ends the process with a sentence.
#define GYRE_TEST_THAT_DIES(suite, name, saying) GYRE_BEHAVIOUR(suite, name, to_death, saying)

/// One whose body is run anew for each of its turns, and asked to stop there, until it gets
/// through: each time nothing may be left. Once asked to stop it may end in any way, but it must
/// end.
#define GYRE_TEST_STOPPED_ANYWHERE(suite, name) \
  GYRE_BEHAVIOUR(suite, name, stopped_anywhere, nullptr)

#define GYRE_BEHAVIOUR(suite, name, how, last_words)                                   \
  static gyre::task<> suite##_##name();                                                \
  [[maybe_unused]] static const bool suite##_##name##_added =                          \
      gyre::conformance::add(gyre::conformance::behaviour(                             \
          #suite, #name, suite##_##name, gyre::conformance::manner::how, last_words)); \
  static gyre::task<> suite##_##name()
