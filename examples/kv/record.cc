#include "gyre/examples/kv/record.h"

#include <algorithm>
#include <array>
#include <concepts>

#include "gyre/examples/kv/crc32c.h"

namespace kv {
namespace {

constexpr std::string_view magic = "gyre kv log 1\r\n\x1a";
static_assert(magic.size() == 16);
constexpr std::size_t crc_offset = 8;
constexpr std::size_t crc_end = 12;

template <std::unsigned_integral Number>
void put(std::string& to, Number number) {
  for (std::size_t byte = 0; byte < sizeof number; ++byte)
    to.push_back(static_cast<char>(static_cast<unsigned char>(number >> (8 * byte))));
}

template <std::unsigned_integral Number>
Number get(std::string_view from, std::size_t offset) {
  Number number = 0;
  for (std::size_t byte = 0; byte < sizeof number; ++byte)
    number |= static_cast<Number>(static_cast<unsigned char>(from[offset + byte])) << (8 * byte);
  return number;
}

std::array<char, 4> tag_of(std::uint64_t salt) noexcept {
  std::array<char, 4> tag;
  for (std::size_t byte = 0; byte < tag.size(); ++byte)
    tag[byte] = static_cast<char>(static_cast<unsigned char>(salt >> (8 * byte)));
  return tag;
}

/// Of a whole record: all but the checksum itself.
std::uint32_t checksum(std::string_view whole, std::uint64_t salt) noexcept {
  const auto seed = static_cast<std::uint32_t>(salt >> 32);
  return crc32c(whole.substr(crc_end), crc32c(whole.substr(0, crc_offset), seed));
}

}  // namespace

std::string log_header::encode() const {
  std::string bytes(magic);
  put(bytes, shard);
  put(bytes, shards);
  put(bytes, salt);
  put(bytes, crc32c(bytes));
  return bytes;
}

std::optional<log_header> log_header::decode(std::string_view bytes) {
  if (bytes.size() < size || !bytes.starts_with(magic)) return std::nullopt;
  if (get<std::uint32_t>(bytes, size - 4) != crc32c(bytes.substr(0, size - 4))) return std::nullopt;
  return log_header(get<std::uint32_t>(bytes, 16), get<std::uint32_t>(bytes, 20),
                    get<std::uint64_t>(bytes, 24));
}

void record::encode(std::string& to, std::uint64_t salt) const {
  const std::size_t begin = to.size();
  put(to, static_cast<std::uint32_t>(salt));
  put(to, static_cast<std::uint32_t>(size()));
  put(to, std::uint32_t{0});
  put(to, static_cast<std::uint32_t>(kind));
  put(to, sequence);
  put(to, static_cast<std::uint64_t>(deadline_ms));
  put(to, static_cast<std::uint32_t>(key.size()));
  to.append(key).append(value);
  std::string crc;
  put(crc, checksum(std::string_view(to).substr(begin), salt));
  to.replace(begin + crc_offset, crc.size(), crc);
}

decoded_record decode_record(std::string_view bytes, std::uint64_t salt) noexcept {
  using enum record_state;
  const auto tag = tag_of(salt);
  const std::size_t seen = std::min(bytes.size(), tag.size());
  if (bytes.substr(0, seen) != std::string_view(tag.data(), seen)) return bad;
  if (bytes.size() < record::head_size) return incomplete;
  const std::size_t size = get<std::uint32_t>(bytes, 4);
  const std::size_t key_size = get<std::uint32_t>(bytes, 32);
  const auto kind = get<std::uint32_t>(bytes, 12);
  if (size > record::size_max || size < record::head_size || key_size > size - record::head_size)
    return bad;
  if (kind < 1 || kind > static_cast<std::uint32_t>(record_kind::mark)) return bad;
  if (bytes.size() < size) return incomplete;
  const std::string_view raw = bytes.substr(0, size);
  if (get<std::uint32_t>(raw, crc_offset) != checksum(raw, salt)) return bad;
  decoded_record whole(good);
  whole.raw = raw;
  whole.content = record(static_cast<record_kind>(kind), get<std::uint64_t>(raw, 16));
  whole.content.deadline_ms = static_cast<std::int64_t>(get<std::uint64_t>(raw, 24));
  whole.content.key = raw.substr(record::head_size, key_size);
  whole.content.value = raw.substr(record::head_size + key_size);
  return whole;
}

std::size_t find_tag(std::string_view bytes, std::size_t from, std::uint64_t salt) noexcept {
  const auto tag = tag_of(salt);
  const std::size_t found = bytes.find(std::string_view(tag.data(), tag.size()), from);
  if (found != std::string_view::npos) return found;
  const std::size_t unclear = tag.size() - 1;
  return bytes.size() < unclear ? from : std::max(from, bytes.size() - unclear);
}

}  // namespace kv
