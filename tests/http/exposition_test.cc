#include "gyre/examples/http/exposition.h"

#include <gtest/gtest.h>

#include <utility>

namespace http {
namespace {

TEST(exposition, a_metric_has_a_header_and_a_line_for_each_value) {
  exposition text;
  text.begin("bytes_total", "counter", "Bytes.");
  text.add({}, 7);
  text.add({{"core", "0"}, {"class", "2xx"}}, 8);
  EXPECT_EQ(std::move(text).take(),
            "# HELP bytes_total Bytes.\n"
            "# TYPE bytes_total counter\n"
            "bytes_total 7\n"
            "bytes_total{core=\"0\",class=\"2xx\"} 8\n");
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
