#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gyre/runtime/latency_histogram.h"

namespace http {

/// The text format of Prometheus: each metric has a header, and a line for each set of labels.
class exposition {
 public:
  /// Names and values of labels.
  using labels = std::vector<std::pair<std::string_view, std::string_view>>;

  /// Begins another metric: `type` is `counter`, `gauge` or `histogram`.
  void begin(std::string_view metric, std::string_view type, std::string_view help);
  /// A value of the metric that was begun. Any text will do as the value of a label; a label
  /// without one is left out, which means the same.
  void add(const labels& labels, std::uint64_t value);
  /// A time, in seconds.
  void add(const labels& labels, std::chrono::nanoseconds value);
  /// A whole histogram of the metric that was begun, in seconds.
  void add(const labels& labels, const gyre::latency_histogram& times);

  std::string take() && { return std::move(text_); }

 private:
  void add_line(std::string_view suffix, const labels& labels, std::string_view value);
  void add_label(std::string_view name, std::string_view value);

  std::string text_;
  std::string_view metric_;
};

}  // namespace http
