#include "gyre/tests/conformance/backends.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "gyre/io/catalogue.h"
#include "gyre/io/choose_backend.h"
#include "gyre/io/ring_feature.h"
#include "gyre/runtime/operation.h"
#include "gyre/tests/conformance/boxes.h"

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

// Where these are missing there is no backend at all.
const std::set<std::string, std::less<>> indispensable = {"nop", "poll", "read"};

/// Rings that do without one opcode each of those in use, and without all of them at once.
void add_rings_without_opcodes(std::vector<backend_under_test>& all) {
  std::array<std::string, 256> first_users;
  opcode_set every;
  for (const operation_kind* kind : catalogue()) {
    if (kind->has_opcode()) every.set(kind->opcode);
    if (kind->policy == ring_policy::submit && first_users[kind->opcode].empty())
      first_users[kind->opcode] = kind->name;
  }
  for (const operation_kind* kind : catalogue()) {
    if (!indispensable.contains(kind->name)) continue;
    every.reset(kind->opcode);
    first_users[kind->opcode].clear();
  }
  const auto add = [&all](const std::string& what, const opcode_set& without) {
    const auto make = [without] {
      uring_options options;
      options.without = without;
      return make_backend(backend_choice::uring, options, {});
    };
    all.emplace_back("uring_without_" + what, make, backend_under_test::restricted);
  };
  for (std::size_t opcode = 0; opcode < first_users.size(); ++opcode) {
    if (first_users[opcode].empty()) continue;
    add(first_users[opcode], opcode_set().set(opcode));
  }
  add("all", every);
}

/// Rings that do without one feature each of those that can be switched off.
void add_rings_without_features(std::vector<backend_under_test>& all) {
  for (const auto& [feature, name] : ring_features) {
    const ring_feature_set without = {feature};
    const auto make = [without] {
      uring_options options;
      options.without_features = without;
      return make_backend(backend_choice::uring, options, {});
    };
    all.emplace_back("uring_without_" + std::string(name), make, backend_under_test::restricted);
  }
}

void add_boxes(std::vector<backend_under_test>& all) {
  constexpr auto restricted = backend_under_test::restricted;
  for (const auto& [name, error] : {std::pair{"boxed_by_eperm", EPERM},
                                    {"boxed_by_enosys", ENOSYS},
                                    {"boxed_by_eacces", EACCES},
                                    {"boxed_by_enomem", ENOMEM},
                                    {"boxed_by_emfile", EMFILE}})
    all.emplace_back(name, make_without_io_uring, restricted,
                     [error] { enter_box_without_io_uring(error); });
  for (const auto& [name, error] : {std::pair{"boxed_by_enter_eagain", EAGAIN},
                                    {"boxed_by_enter_ebusy", EBUSY},
                                    {"boxed_by_enter_eintr", EINTR}})
    all.emplace_back(name, make_with_failing_enters, restricted,
                     [error] { enter_box_with_failing_enters(error); });
  all.emplace_back("boxed_by_memlock", make_without_locked_memory, restricted,
                   enter_box_without_locked_memory);
}

std::vector<backend_under_test> make_list() {
  std::vector<backend_under_test> all;
  all.emplace_back("uring", uring);
  all.emplace_back("uring_spinning", spinning_uring);
  all.emplace_back("uring_ring_of_2", tiny_uring<2>);
  all.emplace_back("uring_ring_of_4", tiny_uring<4>);
  all.emplace_back("epoll", epoll);
  all.emplace_back("epoll_spinning", spinning_epoll);
  all.emplace_back("threads", threads);
  add_rings_without_opcodes(all);
  add_rings_without_features(all);
  add_boxes(all);
  return all;
}

}  // namespace

std::span<const backend_under_test> backends() {
  static const std::vector<backend_under_test> all = make_list();
  return all;
}

}  // namespace gyre::conformance
