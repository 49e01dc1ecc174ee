// Finds where HTTP/1.1 responses end in a stream of bytes: as much of the protocol as a client
// needs that sends nothing but GET and expects a Content-Length.
#ifndef GYRE_BENCHMARKS_LOAD_RESPONSE_READER_H_
#define GYRE_BENCHMARKS_LOAD_RESPONSE_READER_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace gyre::load {

class response_reader {
 public:
  // Takes bytes up to the end of the next response, which `complete()` then tells, or all of
  // them. Returns how many. A response that can't be followed makes `error()` non-empty.
  std::size_t read(std::span<const char> bytes);

  bool complete() const { return complete_; }
  const std::string& error() const { return error_; }

  // Of the complete response.
  int status() const { return status_; }
  bool closes() const { return closes_; }  // no other response follows on this connection

 private:
  std::size_t read_head(std::string_view bytes);
  std::size_t read_body(std::size_t available);
  void parse_head(std::string_view head);
  bool parse_status_line(std::string_view line);
  void parse_field(std::string_view name, std::string_view value);

  std::string head_;  // the part of a head that arrived earlier
  std::string error_;
  bool complete_ = false;
  bool in_body_ = false;
  bool closes_ = false;
  bool has_length_ = false;
  int status_ = 0;
  std::uint64_t length_ = 0;  // of the body: what is still to come
};

}  // namespace gyre::load

#endif  // GYRE_BENCHMARKS_LOAD_RESPONSE_READER_H_
