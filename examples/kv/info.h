#pragma once

#include <string>
#include <vector>

#include "gyre/examples/kv/shard.h"

namespace kv {

class server;

/// The answer to INFO: lines of names and numbers, in sections.
std::string info_text(server& all, const std::vector<shard_facts>& shards);

}  // namespace kv
