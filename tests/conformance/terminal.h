#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstddef>

#include "gyre/io/descriptor.h"
#include "gyre/tests/conformance/conformance.h"

namespace gyre::conformance {

/// A terminal that changes nothing, and whoever sits at it. Both block, as those do that come from
/// elsewhere.
class terminal {
 public:
  terminal() : person(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    std::array<char, 64> name{};
    require(grantpt(person.number()) == 0 && unlockpt(person.number()) == 0);
    require(ptsname_r(person.number(), name.data(), name.size()) == 0);
    line = descriptor(open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    mode_ = mode();
    termios raw = mode_;
    cfmakeraw(&raw);
    set(raw);
  }

  /// From here on a new line is shown as two characters, as at first.
  void cook() { set(mode_); }

  /// Until the line takes no more. What is on its way makes room for more when it has arrived,
  /// which the kernel sees to by and by.
  void fill() {
    const int flags = fcntl(line.number(), F_GETFL);
    fcntl(line.number(), F_SETFL, flags | O_NONBLOCK);
    const std::array<std::byte, 4096> some{};
    for (bool all_arrived = false; !all_arrived;) {
      int arrived = 0;
      require(ioctl(person.number(), FIONREAD, &arrived) == 0);
      all_arrived = arrived >= arrived_max;
      while (::write(line.number(), some.data(), some.size()) > 0) continue;
    }
    fcntl(line.number(), F_SETFL, flags);
  }

  descriptor person;
  descriptor line;

 private:
  static constexpr int arrived_max = 4095;  // n_tty.c keeps a place free

  termios mode() const {
    termios got{};
    require(tcgetattr(line.number(), &got) == 0);
    return got;
  }
  void set(const termios& wanted) { require(tcsetattr(line.number(), TCSANOW, &wanted) == 0); }

  termios mode_{};
};

}  // namespace gyre::conformance
