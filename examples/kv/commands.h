#pragma once

#include <span>
#include <string_view>

#include "gyre/examples/kv/round.h"

namespace kv {

/// What a connection has to do about a command that was planned.
enum class plan {
  go_on,
  end,     ///< and close the connection after the replies
  info,    ///< nothing was planned: it is about the whole server, see `info_text`
  dbsize,  ///< likewise: the number of keys
};

/// Adds the command to the round, or the error that is the answer to it. The arguments, of which
/// there is at least one, must stay until the round has ended.
plan plan_command(std::span<const std::string_view> arguments, round& round);

}  // namespace kv
