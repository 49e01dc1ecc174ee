// GET requests over one connection, `depth` of them in flight, answered in order.
#include <string>
#include <vector>

#include "gyre/benchmarks/load/exchange.h"
#include "gyre/benchmarks/load/response_reader.h"

namespace gyre::load {
namespace {

std::string request_of(const options& o) {
  const bool v6 = o.address.ss_family == AF_INET6;
  return "GET " + o.path + " HTTP/1.1\r\nHost: " + (v6 ? "[" + o.host + "]" : o.host) + ":" +
         std::to_string(o.port) + "\r\n\r\n";
}

class http_exchange final : public exchange {
 public:
  explicit http_exchange(const options& o)
      : depth_(static_cast<std::size_t>(o.depth)), expected_(o.status), started_(depth_) {
    const std::string request = request_of(o);
    request_size_ = request.size();
    for (std::size_t i = 0; i < depth_; i++) requests_ += request;
  }

  void reset(std::uint64_t now) override {
    reader_ = response_reader();
    in_flight_ = 0;
    oldest_ = 0;
    turn_ = now;
  }

  std::span<const char> next(std::uint64_t now) override {
    const std::size_t due = depth_ - in_flight_;
    for (; in_flight_ < depth_; in_flight_++) started_[(oldest_ + in_flight_) % depth_] = now;
    return std::span<const char>(requests_).first(due * request_size_);
  }

  verdict received(std::span<const char> bytes, std::uint64_t now, meter& m) override {
    while (!bytes.empty()) {
      if (in_flight_ == 0) {
        m.failed("the server sent a response that nobody asked for");
        return verdict::broken;
      }
      bytes = bytes.subspan(reader_.read(bytes));
      if (!reader_.error().empty()) {
        m.failed(reader_.error());
        return verdict::broken;
      }
      if (!reader_.complete()) continue;
      completed(now, m);
      if (reader_.closes()) return verdict::over;
    }
    return verdict::going_on;
  }

  std::uint64_t turn() const override { return turn_; }

 private:
  void completed(std::uint64_t now, meter& m) {
    m.status(reader_.status());
    if (reader_.status() != expected_) {
      m.failed("status " + std::to_string(reader_.status()) + " instead of " +
               std::to_string(expected_));
    }
    m.completed(started_[oldest_], turn_, now);
    oldest_ = (oldest_ + 1) % depth_;
    in_flight_--;
  }

  std::size_t depth_;
  int expected_;
  std::vector<std::uint64_t> started_;  // a ring: when each request in flight was sent
  std::string requests_;                // `depth_` times the same one
  std::size_t request_size_ = 0;
  std::size_t in_flight_ = 0;
  std::size_t oldest_ = 0;
  std::uint64_t turn_ = 0;
  response_reader reader_;
};

}  // namespace

std::unique_ptr<exchange> make_http_exchange(const options& o) {
  return std::make_unique<http_exchange>(o);
}

}  // namespace gyre::load
