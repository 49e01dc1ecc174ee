#include "gyre/examples/http/exposition.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

namespace http {
namespace {

TEST(exposition, a_metric_has_a_header_and_a_line_for_each_value) {
  exposition text;
  text.begin("bytes_total", "counter", "Bytes.");
  text.add({}, 7);
  text.add({{"core", "0"}, {"class", "2xx"}}, 8);
  text.begin("run_seconds", "gauge", "Seconds.");
  text.add({}, std::chrono::milliseconds(1500));
  EXPECT_EQ(std::move(text).take(),
            "# HELP bytes_total Bytes.\n"
            "# TYPE bytes_total counter\n"
            "bytes_total 7\n"
            "bytes_total{core=\"0\",class=\"2xx\"} 8\n"
            "# HELP run_seconds Seconds.\n"
            "# TYPE run_seconds gauge\n"
            "run_seconds 1.5\n");
}

TEST(exposition, a_histogram_has_cumulative_buckets_a_sum_and_a_count) {
  using namespace std::chrono_literals;
  gyre::latency_histogram times;
  times.record(1023ns);
  times.record(1us, 2);
  times.record(20s);
  exposition text;
  text.begin("took_seconds", "histogram", "Took.");
  text.add({{"core", "0"}}, times);
  const std::string page = std::move(text).take();
  EXPECT_TRUE(
      page.starts_with("# HELP took_seconds Took.\n"
                       "# TYPE took_seconds histogram\n"
                       "took_seconds_bucket{core=\"0\",le=\"1.024e-06\"} 3\n"
                       "took_seconds_bucket{core=\"0\",le=\"4.096e-06\"} 3\n"))
      << page;
  EXPECT_TRUE(
      page.ends_with("took_seconds_bucket{core=\"0\",le=\"17.179869184\"} 3\n"
                     "took_seconds_bucket{core=\"0\",le=\"+Inf\"} 4\n"
                     "took_seconds_sum{core=\"0\"} 20.000003023\n"
                     "took_seconds_count{core=\"0\"} 4\n"))
      << page;
}

TEST(exposition, a_label_may_have_any_text_as_its_value) {
  exposition text;
  text.begin("m", "gauge", "M.");
  text.add({{"why", "a \"b\"\\\nc"}}, 1);
  EXPECT_TRUE(std::move(text).take().ends_with("m{why=\"a \\\"b\\\"\\\\\\nc\"} 1\n"));
}

TEST(exposition, a_label_without_a_value_is_left_out) {
  exposition text;
  text.begin("m", "gauge", "M.");
  text.add({{"a", ""}, {"b", "1"}}, 1);
  text.add({{"a", ""}}, 2);
  EXPECT_TRUE(std::move(text).take().ends_with("m{b=\"1\"} 1\nm 2\n"));
}

}  // namespace
}  // namespace http
