#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gyre {

/// Whether a kernel has a quirk.
enum class quirk_answer : std::uint8_t {
  no,
  yes,
  unknown,  ///< it can't be told here: what the question takes is missing, or forbidden
};

/// A bug or a surprise of kernels that Gyre works around. It is known by what the kernel does, and
/// not by version: patches travel.
class quirk {
 public:
  using question = quirk_answer (*)();

  constexpr quirk(std::string_view name, std::string_view kernel, std::string_view gyre,
                  question ask = nullptr) noexcept
      : name(name), kernel(kernel), gyre(gyre), ask_(ask) {}

  constexpr bool can_be_probed() const noexcept { return ask_ != nullptr; }

  /// Tries whether this kernel does it, in a few milliseconds, and in any case within seconds: with
  /// descriptors and a small ring of its own, on a thread of its own that has all signals blocked.
  /// Nothing is left of it. From any thread; never asked by Gyre itself.
  quirk_answer probe() const noexcept;

  std::string_view name;    ///< in snake_case
  std::string_view kernel;  ///< what the kernel does
  std::string_view gyre;    ///< what Gyre does about it

 private:
  question ask_;
};

/// All that Gyre has code for.
std::span<const quirk> quirks() noexcept;

/// The names of those that this kernel is found to have; probes all.
std::vector<std::string_view> quirks_here();

/// docs/quirks.md: all of them, and nothing about this kernel.
std::string quirks_text();

}  // namespace gyre
