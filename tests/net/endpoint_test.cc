#include "gyre/net/endpoint.h"

#include <gtest/gtest.h>

#include <cstring>
#include <sstream>
#include <string>
#include <string_view>

namespace gyre {
namespace {

class good {
 public:
  const char* text;
  const char* printed;
};

TEST(endpoint, reads_and_prints_addresses_with_ports) {
  for (const good& each : {
           good{"127.0.0.1:80", "127.0.0.1:80"},
           good{"0.0.0.0:0", "0.0.0.0:0"},
           good{"255.255.255.255:65535", "255.255.255.255:65535"},
           good{"10.1.2.3:00080", "10.1.2.3:80"},
           good{"[::1]:80", "[::1]:80"},
           good{"[::]:0", "[::]:0"},
           good{"[2001:DB8:0:0:0:0:0:1]:443", "[2001:db8::1]:443"},
           good{"[1:2:3:4:5:6:7:8]:65535", "[1:2:3:4:5:6:7:8]:65535"},
           good{"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:1",
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:1"},
           good{"[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.1]:1"},
           good{"[fe80::1%lo]:80", "[fe80::1%lo]:80"},
           good{"[fe80::1%1]:80", "[fe80::1%lo]:80"},
           good{"[fe80::1%4000000000]:80", "[fe80::1%4000000000]:80"},
           good{"[fe80::1%0]:80", "[fe80::1]:80"},
       }) {
    auto parsed = endpoint::parse(each.text);
    ASSERT_TRUE(parsed) << each.text;
    EXPECT_EQ(parsed->to_string(), each.printed);
    EXPECT_EQ(endpoint::parse(parsed->to_string()).value(), *parsed) << each.text;
    std::ostringstream out;
    out << *parsed;
    EXPECT_EQ(out.str(), each.printed);
  }
}

TEST(endpoint, refuses_everything_else) {
  for (const std::string_view bad : {
           "",
           ":",
           "[",
           "[]",
           "[]:",
           "[]:80",
           ":80",
           "80",
           "127.0.0.1",
           "127.0.0.1:",
           "127.0.0.1:x",
           "127.0.0.1:80x",
           "127.0.0.1: 80",
           "127.0.0.1:80 ",
           " 127.0.0.1:80",
           "127.0.0.1:-1",
           "127.0.0.1:+1",
           "127.0.0.1:0x50",
           "127.0.0.1:65536",
           "127.0.0.1:99999999999999999999",
           "127.0.0.1:80:80",
           "127.0.0:80",
           "127.0.0.0.1:80",
           "127.0.0.256:80",
           "127.1:80",
           "0x7f.0.0.1:80",
           "1.2.3.4.:80",
           "[127.0.0.1]:80",
           "::1:80",
           "[::1]",
           "[::1]80",
           "[::1:80",
           "::1]:80",
           "[[::1]]:80",
           "[::1]:65536",
           "[:::1]:80",
           "[1:2:3:4:5:6:7]:80",
           "[1:2:3:4:5:6:7:8:9]:80",
           "[g::1]:80",
           "[::1%]:80",
           "[fe80::1%nosuchzone]:80",
           "[fe80::1%4294967296]:80",
           "[fe80::1%-1]:80",
           "[fe80::1%lo%lo]:80",
           "127.0.0.1%lo:80",
           "localhost:80",
           "example.org:80",
           "[fe80::1%aninterfacenamethatistoolong]:80",
       }) {
    const auto parsed = endpoint::parse(bad);
    EXPECT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error(), std::errc::invalid_argument) << bad;
  }
}

TEST(endpoint, is_not_taken_in_by_a_nul) {
  using namespace std::string_view_literals;
  for (const std::string_view bad : {"127.0.0.1\0:80"sv, "127.0.0.1:80\0"sv, "[::1\0]:80"sv,
                                     "[fe80::1%lo\0]:80"sv, "\0"sv, "127.0.0.1:8\0000"sv})
    EXPECT_FALSE(endpoint::parse(bad));
}

TEST(endpoint, takes_no_text_of_any_length_amiss) {
  for (std::size_t length = 0; length < 300; ++length) {
    EXPECT_FALSE(endpoint::parse(std::string(length, '1') + ":80"));
    EXPECT_FALSE(endpoint::parse("[" + std::string(length, ':') + "x]:80"));
    EXPECT_FALSE(endpoint::parse("[fe80::1%" + std::string(length, 'z') + "]:80"));
    EXPECT_FALSE(endpoint::parse("1.1.1.1:" + std::string(length, '7') + "77777"));
  }
}

TEST(endpoint, reads_an_address_alone) {
  EXPECT_EQ(endpoint::parse("::1", 80).value(), endpoint::loopback_v6(80));
  EXPECT_EQ(endpoint::parse("127.0.0.1", 80).value(), endpoint::loopback_v4(80));
  EXPECT_FALSE(endpoint::parse("[::1]", 80));
  EXPECT_FALSE(endpoint::parse("127.0.0.1:80", 80));
  EXPECT_FALSE(endpoint::parse("", 80));
  EXPECT_EQ(endpoint::parse("fe80::2%lo", 80).value().address(), "fe80::2%lo");
}

TEST(endpoint, is_made_for_what_is_needed_often) {
  EXPECT_EQ(endpoint().to_string(), "0.0.0.0:0");
  EXPECT_EQ(endpoint::any_v4(7).to_string(), "0.0.0.0:7");
  EXPECT_EQ(endpoint::any_v6(7).to_string(), "[::]:7");
  EXPECT_EQ(endpoint::loopback_v4(7).to_string(), "127.0.0.1:7");
  EXPECT_EQ(endpoint::loopback_v6(7).to_string(), "[::1]:7");
  EXPECT_TRUE(endpoint::any_v4(0).is_v4());
  EXPECT_FALSE(endpoint::any_v4(0).is_v6());
  EXPECT_TRUE(endpoint::any_v6(0).is_v6());
}

TEST(endpoint, changes_its_port_only) {
  for (endpoint each : {endpoint::loopback_v4(1), endpoint::loopback_v6(1)}) {
    const std::string address = each.address();
    each.set_port(65535);
    EXPECT_EQ(each.port(), 65535);
    EXPECT_EQ(each.address(), address);
  }
}

TEST(endpoint, is_equal_where_all_of_it_is) {
  const auto of = [](std::string_view text) { return endpoint::parse(text).value(); };
  EXPECT_EQ(of("127.0.0.1:1"), of("127.0.0.1:1"));
  EXPECT_FALSE(of("127.0.0.1:1") == of("127.0.0.1:2"));
  EXPECT_FALSE(of("127.0.0.1:1") == of("127.0.0.2:1"));
  EXPECT_FALSE(of("0.0.0.0:1") == of("[::]:1"));
  EXPECT_EQ(of("[::1]:1"), of("[0::0:1]:1"));
  EXPECT_FALSE(of("[fe80::1%1]:1") == of("[fe80::1%2]:1"));
  EXPECT_FALSE(of("[fe80::1%1]:1") == of("[fe80::1]:1"));
}

TEST(endpoint, goes_to_the_kernel_and_comes_back) {
  for (const char* text : {"192.0.2.1:5", "[2001:db8::1]:5", "[fe80::1%1]:5"}) {
    const endpoint made = endpoint::parse(text).value();
    sockaddr_storage filled{};
    std::memcpy(&filled, made.data(), made.size());
    EXPECT_EQ(endpoint::from(filled), made);
  }
  sockaddr_storage other{};
  other.ss_family = AF_UNIX;
  EXPECT_EQ(endpoint::from(other), endpoint());
}

}  // namespace
}  // namespace gyre
