#pragma once

#include <cstdint>
#include <string_view>

namespace kv {

/// CRC-32C (Castagnoli) of `bytes`, going on from `before`, that of what precedes them.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0) noexcept;

}  // namespace kv
