#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "gyre/tests/http/server_test.h"

// Paths that try to leave the root, or lead to something that is no file.
namespace http {
namespace {

namespace fs = std::filesystem;

class paths : public server_on_backend {
 protected:
  static constexpr const char* secret = "nobody may read this";

  paths() {
    const fs::path base = root.path();
    outside.write("secret", secret);
    outside.write("inner/secret", secret);
    root.write("file", "file");
    root.write("folder/file", "file in folder");
    fs::create_symlink("file", base / "link_within");
    fs::create_symlink("../file", base / "folder/link_up_within");
    fs::create_symlink(outside.path() + "/secret", base / "link_out");
    fs::create_symlink(outside.path(), base / "folder_link_out");
    fs::create_symlink("../" + fs::path(outside.path()).filename().string() + "/secret",
                       base / "relative_link_out");
    fs::create_symlink("loop_b", base / "loop_a");
    fs::create_symlink("loop_a", base / "loop_b");
    fs::create_symlink("/proc/self/root", base / "magic");
    root.write("index_out/file", "");
    fs::create_symlink(outside.path() + "/secret", base / "index_out/index.html");
  }

  /// The status of a request that must not come by the secret.
  int status_of(const std::string& target) {
    client connection(port());
    connection.send("GET " + target + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    const answer got = connection.receive();
    EXPECT_EQ(got.body.find(secret), std::string::npos) << target;
    EXPECT_EQ(got.body.find("root:"), std::string::npos) << target;
    return got.status;
  }

  const temporary_directory outside;
};
INSTANTIATE_TEST_SUITE_P(backend, paths, all_backends);

TEST_P(paths, never_lead_out_of_the_root) {
  const std::string name = fs::path(outside.path()).filename().string();
  const std::string up = "/../" + name + "/secret";
  for (const std::string& target : {
           up,
           "/folder/../.." + up,
           "/%2e%2e/" + name + "/secret",
           "/%2E%2E%2F" + name + "%2Fsecret",
           "/.%2e/" + name + "/secret",
           "/folder/..%2f../" + name + "/secret",
           "//" + outside.path() + "/secret",
           "/%2f" + outside.path() + "/secret",
           "http://test/.." + up,
           std::string("/../../../../../../../../etc/passwd"),
           std::string("/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd"),
           std::string("/..%252f..%252fetc/passwd"),
           std::string("/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd"),
           std::string("/..\\..\\etc\\passwd"),
           std::string("/....//....//etc/passwd"),
           std::string("/.../.../etc/passwd"),
           std::string("/file/../../etc/passwd"),
           std::string("/link_out"),
           std::string("/relative_link_out"),
           std::string("/folder_link_out"),
           std::string("/folder_link_out/"),
           std::string("/folder_link_out/secret"),
           std::string("/folder_link_out/inner/../secret"),
           std::string("/index_out/"),
           std::string("/magic/etc/passwd"),
           std::string("/loop_a"),
       })
    EXPECT_EQ(status_of(target), 404) << target;
}

TEST_P(paths, may_wander_within_the_root) {
  for (const char* target :
       {"/file", "/./file", "/folder/../file", "/folder/%2e%2e/file", "//file", "/folder//../file",
        "/link_within", "/folder/link_up_within", "/%66ile", "/file?../../etc/passwd"})
    EXPECT_EQ(get(port(), target).body, "file") << target;
  EXPECT_EQ(get(port(), "/folder/file").body, "file in folder");
}

TEST_P(paths, that_no_file_can_have_are_malformed) {
  for (const char* target :
       {"/file%00", "/%00", "/file%00.html", "/%", "/%2", "/%zz", "/file%", "*"})
    EXPECT_EQ(status_of(target), 400) << target;
}

TEST_P(paths, that_are_too_long_are_not_found) {
  EXPECT_EQ(status_of("/" + std::string(300, 'n')), 404);
  std::string deep;
  while (deep.size() < 6000) deep += "/folder/..";
  EXPECT_EQ(status_of(deep), 404);
}

TEST_P(paths, to_what_is_no_file_are_refused_without_waiting_for_it) {
  const std::string fifo = root.path() + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // The name of a socket is short: it is given from where it is.
  ASSERT_EQ(chdir(root.path().c_str()), 0);
  std::memcpy(address.sun_path, "socket", sizeof "socket");
  const int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(socket_fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(status_of("/fifo"), 403);
  EXPECT_EQ(status_of("/fifo/"), 404);
  EXPECT_EQ(status_of("/socket"), 404);
  close(socket_fd);
}

}  // namespace
}  // namespace http
