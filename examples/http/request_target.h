#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace http {

/// The path of a request's target, still percent-encoded: of `/a%20b?c` that is `/a%20b`, of
/// `http://host/a` it is `/a`. Nothing where the target has none (`*`, `host:80`) or is malformed.
std::optional<std::string_view> path_of(std::string_view target) noexcept;

/// What an encoded path names beneath the root directory, to be opened there: without the slashes
/// in front, `.` for the root itself. Nothing when the encoding is wrong, or hides a NUL, which no
/// file name holds. That the path stays beneath the root is for the kernel to see to.
std::optional<std::string> decode_path(std::string_view path);

/// Encodes all but what may stand in a path as it is (RFC 3986, section 3.3); `/` stays.
std::string encode_path(std::string_view name);

}  // namespace http
