// One connection's side of the conversation. It deals in bytes and times only; a loop moves them.
#ifndef GYRE_BENCHMARKS_LOAD_EXCHANGE_H_
#define GYRE_BENCHMARKS_LOAD_EXCHANGE_H_

#include <cstdint>
#include <memory>
#include <span>

#include "gyre/benchmarks/load/meter.h"
#include "gyre/benchmarks/load/options.h"

namespace gyre::load {

enum class verdict {
  going_on,
  over,    // the server said that it closes: connect anew
  broken,  // the meter knows why
};

class exchange {
 public:
  virtual ~exchange() = default;

  // Begins anew, on a fresh connection. `now` is when it began to connect.
  virtual void reset(std::uint64_t now) = 0;

  // What is due to be sent at `now`; empty: nothing until more was received. Ask again only when
  // all of it was sent; until then it stays as it is.
  virtual std::span<const char> next(std::uint64_t now) = 0;

  // Takes what the server sent; `now` counts as the time of every answer completed by it.
  virtual verdict received(std::span<const char> bytes, std::uint64_t now, meter& m) = 0;

  // When the last answer was complete, or when the connection began.
  virtual std::uint64_t turn() const = 0;
};

// `index` tells the connections of a run apart. *o must outlive the exchange.
std::unique_ptr<exchange> make_echo_exchange(const options& o, std::uint32_t index);
std::unique_ptr<exchange> make_http_exchange(const options& o);

}  // namespace gyre::load

#endif  // GYRE_BENCHMARKS_LOAD_EXCHANGE_H_
