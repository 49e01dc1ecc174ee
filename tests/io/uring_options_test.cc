#include <gtest/gtest.h>

#include <string>

#include "gyre/io/choose_backend.h"
#include "gyre/io/uring_backend.h"

namespace gyre {
namespace {

std::string refusal_of(const uring_options& options) {
  try {
    (void)make_backend(backend_choice::uring, options, {});
  } catch (const backend_error& refused) {
    EXPECT_EQ(refused.code(), std::errc::invalid_argument);
    return refused.what();
  }
  return "";
}

TEST(uring_options, what_no_ring_can_be_is_named_as_such) {
  uring_options none;
  none.size.submissions = 0;
  EXPECT_NE(refusal_of(none).find("at least one submission"), std::string::npos);

  uring_options more_submissions;
  more_submissions.size.submissions = 4096;
  more_submissions.size.completions = 1024;
  EXPECT_NE(refusal_of(more_submissions).find("no fewer completions"), std::string::npos);

  uring_options nothing_in_flight;
  nothing_in_flight.in_flight_max = 0;
  EXPECT_NE(refusal_of(nothing_in_flight).find("one operation in flight"), std::string::npos);
}

}  // namespace
}  // namespace gyre
