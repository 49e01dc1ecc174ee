#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/examples/kv/settings.h"

namespace kv {

/// Finds the commands in what a client sends, wherever the reads divide it: arrays of bulk strings,
/// as programs send them, and lines of words, as people do ("inline commands"; without quotes).
///
/// It keeps places and no bytes: `parse` is given the current command from its first byte on, and
/// each time more of it.
class resp_parser {
 public:
  enum class progress {
    more,      ///< the command is not complete
    complete,  ///< `arguments` and `size` tell what it is; then `next`
    failed,    ///< this is no command, see `failure`; nothing after it can be understood
  };

  /// The limits must stay.
  explicit resp_parser(const limits& limits) noexcept : limits_(limits) {}

  /// Goes on with the bytes from the current command's first to the last that came.
  progress parse(std::string_view message);

  /// The arguments of a complete command, the first of which is its name. None where the client
  /// sent an empty array or line, which wants no answer. The span is good until the next call, what
  /// it refers to as long as `message`.
  std::span<const std::string_view> arguments(std::string_view message);
  /// How many bytes a complete command takes.
  std::size_t size() const noexcept { return at_; }
  /// Looks for another command, at the beginning of another message.
  void next() noexcept;

  /// What was wrong: a sentence that names what came and what was expected.
  const std::string& failure() const noexcept { return failure_; }

 private:
  enum class phase : std::uint8_t { start, words, array_size, bulk_size, bulk, complete, failed };
  class place {
   public:
    std::size_t begin;
    std::size_t size;
  };

  bool step(std::string_view message);
  bool read_words(std::string_view message);
  bool read_array_size(std::string_view message);
  bool read_bulk_size(std::string_view message);
  bool read_bulk(std::string_view message);
  bool find_number(std::string_view message, std::string_view what, std::int64_t& number);
  void enter_argument() noexcept;
  bool fail(std::string sentence);

  const limits& limits_;
  phase phase_ = phase::start;
  std::size_t at_ = 0;         // everything before is understood
  std::size_t looked_at_ = 0;  // everything before has no line end that matters
  std::size_t left_ = 0;       // arguments of the array that have not come
  std::size_t bulk_size_ = 0;
  std::size_t total_ = 0;  // bytes of all arguments
  std::vector<place> places_;
  std::vector<std::string_view> arguments_;
  std::string failure_;
};

}  // namespace kv
