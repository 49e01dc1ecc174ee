#include "gyre/runtime/operation_metrics.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <new>
#include <string_view>

#include "gyre/runtime/operation.h"

namespace gyre {
namespace {

// Measuring one takes the time of some ten that are only counted.
constexpr std::uint64_t sparseness_max = 128;
constexpr std::uint64_t dense_for = 64;

// With the unit that leaves one to three digits before the point.
std::string text_of(std::chrono::nanoseconds span) {
  double value = static_cast<double>(span.count());
  const char* const units[] = {"ns", "us", "ms"};
  const char* unit = "s";
  for (const char* each : units) {
    if (value < 1000) {
      unit = each;
      break;
    }
    value /= 1000;
  }
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.3g %s", value, unit);
  return text.data();
}

void add_quantiles(std::string& line, std::string_view what, const latency_histogram& times) {
  if (times.count() == 0) return;
  line.append(", ").append(what);
  for (const auto& [name, share] : {std::pair(" p50 ", 0.5), {" p99 ", 0.99}, {" p99.9 ", 0.999}})
    line.append(name).append(text_of(times.quantile(share)));
}

}  // namespace

// Systematically every 128th would be that of the same connection again and again.
std::uint32_t operation_metrics::draw(std::uint32_t random) noexcept {
  const std::uint32_t stands_for = gap_;
  drawn_ += gap_;
  const auto mean =
      static_cast<std::uint32_t>(std::clamp(drawn_ / dense_for, std::uint64_t{1}, sparseness_max));
  gap_ = left_ = 1 + random % (2 * mean - 1);
  return stands_for;
}

void operation_metrics::ended_with(int error) noexcept {
  ++(error == ECANCELED ? cancelled_ : failed_);
}

void operation_metrics::merge(const operation_metrics& other) noexcept {
  drawn_ += other.started();
  failed_ += other.failed_;
  cancelled_ += other.cancelled_;
  latency_.merge(other.latency_);
  resumption_.merge(other.resumption_);
}

loop_metrics::~loop_metrics() {
  for (operation_metrics* each : table_) delete each;
}

// One place is kept free, so that each search comes to an end.
operation_metrics* loop_metrics::look_further(const operation_kind& kind) noexcept {
  if (!measuring_) return nullptr;
  const std::size_t first = entry_of(kind);
  std::size_t place = first;
  while (table_[place] && table_[place]->kind_ != &kind) place = (place + 1) % entries;
  if (!table_[place]) {
    if (size_ + 1 == entries) return nullptr;
    table_[place] = new (std::nothrow) operation_metrics(kind);
    if (!table_[place]) return nullptr;
    ++size_;
  }
  if (place == first) at_place_[place] = &kind;
  return table_[place];
}

// Marsaglia's xorshift.
std::uint32_t loop_metrics::random() noexcept {
  seed_ ^= seed_ << 13;
  seed_ ^= seed_ >> 17;
  return seed_ ^= seed_ << 5;
}

const operation_metrics* loop_metrics::find(const operation_kind& kind) const noexcept {
  for (std::size_t place = entry_of(kind); table_[place]; place = (place + 1) % entries)
    if (table_[place]->kind_ == &kind) return table_[place];
  return nullptr;
}

std::vector<operation_metrics> loop_metrics::all() const {
  std::vector<operation_metrics> copies;
  copies.reserve(size_);
  for (const operation_metrics* each : table_)
    if (each) copies.push_back(*each);
  std::ranges::sort(
      copies, {}, [](const operation_metrics& each) { return std::string_view(each.kind().name); });
  return copies;
}

std::string loop_metrics::text() const {
  return text_of(all());
}

std::string text_of(const std::vector<operation_metrics>& metrics) {
  std::string text;
  for (const operation_metrics& each : metrics) {
    text.append(each.kind().name).append(": ").append(std::to_string(each.started()));
    text.append(" started, ").append(std::to_string(each.failed())).append(" failed, ");
    text.append(std::to_string(each.cancelled())).append(" cancelled");
    add_quantiles(text, "took", each.latency());
    add_quantiles(text, "resumed after", each.resumption());
    text.append("\n");
  }
  return text;
}

}  // namespace gyre
