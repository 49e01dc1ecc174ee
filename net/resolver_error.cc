#include "gyre/net/resolver_error.h"

#include <string>

namespace gyre {
namespace {

class resolver_errors final : public std::error_category {
 public:
  const char* name() const noexcept override { return "resolver"; }
  std::string message(int code) const override {
    if (code == static_cast<int>(resolver_errc::nul_in_host))
      return "The name of a host contains a NUL byte; expected a name or an address";
    return gai_strerror(code);
  }
  std::error_condition default_error_condition(int code) const noexcept override {
    if (code == static_cast<int>(resolver_errc::nul_in_host))
      return std::make_error_condition(std::errc::invalid_argument);
    return {code, *this};
  }
};

}  // namespace

const std::error_category& resolver_category() noexcept {
  static const resolver_errors category;
  return category;
}

std::error_code make_error_code(resolver_errc error) noexcept {
  return {static_cast<int>(error), resolver_category()};
}

}  // namespace gyre
