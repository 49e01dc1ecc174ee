#pragma once

#include <netdb.h>

#include <system_error>
#include <type_traits>

namespace gyre {

/// Why a host was not found: what getaddrinfo(3) answers, whose other codes are of the same
/// category, and one reason more. To be compared with `result::error()`.
enum class resolver_errc {
  no_such_host = EAI_NONAME,  ///< nobody has that name; or it is no address where one was asked for
  no_answer = EAI_AGAIN,      ///< no name server answered: it may do later
  failed = EAI_FAIL,          ///< a name server refused for good
  no_address = EAI_NODATA,    ///< the host is known, but has no address
  wrong_family = EAI_ADDRFAMILY,  ///< it has none of the family that was asked for
  nul_in_host = 1,  ///< the name contains a NUL byte, which the system would end it at
};

/// Of all codes above. `message()` is that of gai_strerror(3).
const std::error_category& resolver_category() noexcept;

/// For comparisons of the two.
std::error_code make_error_code(resolver_errc error) noexcept;

}  // namespace gyre

template <>
struct std::is_error_code_enum<gyre::resolver_errc> : std::true_type {};
