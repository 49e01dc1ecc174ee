#include "gyre/tests/conformance/backends.h"

#include <array>
#include <chrono>

#include "gyre/io/choose_backend.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<backend> uring() {
  return make_backend(backend_choice::uring, uring_options(), {});
}

std::unique_ptr<backend> spinning_uring() {
  uring_options options;
  options.spin = 50us;
  return make_backend(backend_choice::uring, options, {});
}

/// Nearly everything that is submitted to so small a ring finds it full.
template <unsigned Entries>
std::unique_ptr<backend> tiny_uring() {
  uring_options options;
  options.size.submissions = Entries;
  options.size.completions = Entries;
  return make_backend(backend_choice::uring, options, {});
}

std::unique_ptr<backend> epoll() {
  return make_backend(backend_choice::epoll, uring_options(), {});
}

std::unique_ptr<backend> spinning_epoll() {
  uring_options options;
  options.spin = 50us;
  return make_backend(backend_choice::epoll, options, {});
}

std::unique_ptr<backend> threads() {
  return make_backend(backend_choice::threads, uring_options(), {});
}

constexpr std::array all = {
    backend_under_test("uring", uring),
    backend_under_test("uring_spinning", spinning_uring),
    backend_under_test("uring_ring_of_2", tiny_uring<2>),
    backend_under_test("uring_ring_of_4", tiny_uring<4>),
    backend_under_test("epoll", epoll),
    backend_under_test("epoll_spinning", spinning_epoll),
    backend_under_test("threads", threads),
};

}  // namespace

std::span<const backend_under_test> backends() {
  return all;
}

}  // namespace gyre::conformance
