#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/result.h"

namespace http {

/// Makes the page that lists a directory: names in order, directories first, without those that
/// begin with a dot. Reads the directory by readdir(3) on the loop's own thread, which holds
/// everybody else up for that long: so it looks at `names_max` names at most, and the page says
/// when there are more. `path` is how the directory was asked for, decoded.
gyre::result<std::string> list_directory(gyre::descriptor& directory, std::string_view path,
                                         std::size_t names_max = 10'000);

/// Text as HTML shows it, in an element or in a quoted attribute.
std::string escape_html(std::string_view text);

}  // namespace http
