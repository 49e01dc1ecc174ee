#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// What a shard's log is made of: a header, and behind it one record for each change. Numbers are
/// little-endian.
///
///     header   magic 16, shard 4, shards 4, salt 8, crc 4
///     record   tag 4, size 4, crc 4, kind 4, sequence 8, deadline 8, key size 4, key, value
///
/// The salt is a random number of each log. It gives the tag that each record begins with, by which
/// records are found behind bytes that make no sense, and goes into each checksum: so what a client
/// stores can't pass for a record.
namespace kv {

/// The beginning of a log.
class log_header {
 public:
  log_header() noexcept {}
  log_header(std::uint32_t shard, std::uint32_t shards, std::uint64_t salt) noexcept
      : shard(shard), shards(shards), salt(salt) {}

  static constexpr std::size_t size = 36;

  std::string encode() const;
  /// Nothing when these bytes are none; only the first `size` are looked at.
  static std::optional<log_header> decode(std::string_view bytes);

  std::uint32_t shard = 0;   ///< which one this is
  std::uint32_t shards = 0;  ///< of how many
  std::uint64_t salt = 0;
};

enum class record_kind : std::uint32_t {
  set = 1,     ///< the key has this value from now on, and this deadline
  remove = 2,  ///< the key is gone
  expire = 3,  ///< the key has this deadline, its value stays
  /// Changes no key: all records up to `sequence` were on the disk when this one was written.
  mark = 4,
};

/// One record. Key and value are somebody else's.
class record {
 public:
  record() noexcept {}
  record(record_kind kind, std::uint64_t sequence) noexcept : kind(kind), sequence(sequence) {}

  static constexpr std::size_t head_size = 36;
  /// No record is larger, so that a bad size is known as such.
  static constexpr std::size_t size_max = 64 << 20;

  std::size_t size() const noexcept { return head_size + key.size() + value.size(); }
  /// At the end of `to`.
  void encode(std::string& to, std::uint64_t salt) const;

  record_kind kind = record_kind::mark;
  std::uint64_t sequence = 0;    ///< counts the changes of a shard; a mark names that of another
  std::int64_t deadline_ms = 0;  ///< when the key ends, in milliseconds since 1970; 0 is never
  std::string_view key;
  std::string_view value;
};

/// What bytes that should begin with a record are.
enum class record_state {
  good,
  incomplete,  ///< a record, as far as one can see, of which some bytes are missing
  bad,
};

class decoded_record {
 public:
  /*implicit*/ decoded_record(record_state state) noexcept : state(state) {}

  record_state state;
  record content;        ///< where it is good; refers to the bytes
  std::string_view raw;  ///< the bytes of it
};

decoded_record decode_record(std::string_view bytes, std::uint64_t salt) noexcept;

/// The first place from `from` on where a record may begin, or the end of `bytes` less the few that
/// tell nothing without those that follow.
std::size_t find_tag(std::string_view bytes, std::size_t from, std::uint64_t salt) noexcept;

}  // namespace kv
