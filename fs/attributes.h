#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

/// Extended attributes of files and directories, see xattr(7): names, as `user.origin`, and values
/// of up to 64 KiB. `of` is `file::opened()` or `directory::opened()` and must stay; a path leads
/// from the working directory and through symbolic links. A name or a path that contains a NUL is
/// an `invalid_argument`. A file system without them says `operation_not_supported`. A stop ends
/// each of them early where it has not begun; one that has is completed.
namespace gyre {

/// Whether an attribute may be there already.
enum class attribute_rule {
  set,     ///< it may, and is replaced
  create,  ///< it must not: `file_exists`
  replace  ///< it must: `no_message_available` (ENODATA)
};

/// The value of an attribute; `no_message_available` (ENODATA) where there is none of that name.
task<result<std::vector<std::byte>>> get_attribute(descriptor& of, std::string name);
task<result<std::vector<std::byte>>> get_attribute(std::string path, std::string name);

/// Gives an attribute a value, which must stay until the task has ended.
task<result<void>> set_attribute(descriptor& of, std::string name, std::span<const std::byte> value,
                                 attribute_rule rule = attribute_rule::set);
task<result<void>> set_attribute(std::string path, std::string name,
                                 std::span<const std::byte> value,
                                 attribute_rule rule = attribute_rule::set);

/// Removes an attribute; `no_message_available` (ENODATA) where there is none of that name.
task<result<void>> remove_attribute(descriptor& of, std::string name);

/// The names of all attributes, in no particular order.
task<result<std::vector<std::string>>> attribute_names(descriptor& of);

}  // namespace gyre
