#include "gyre/tests/catalogue/operations_table.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "gyre/io/catalogue.h"
#include "gyre/runtime/operation.h"

namespace gyre {
namespace {

TEST(operations_table, is_what_the_documentation_says) {
  std::ifstream file("docs/operations.md");
  ASSERT_TRUE(file) << "docs/operations.md can't be read";
  const std::string written{std::istreambuf_iterator<char>(file), {}};
  EXPECT_TRUE(written == operations_table())
      << "docs/operations.md is not what the code says: ./dev docs writes it anew";
}

TEST(catalogue, names_each_operation_once) {
  std::set<std::string> names;
  for (const operation_kind* kind : catalogue())
    EXPECT_TRUE(names.insert(kind->name).second) << kind->name;
}

TEST(catalogue, submits_only_what_has_an_opcode_and_a_first_kernel) {
  for (const operation_kind* kind : catalogue()) {
    EXPECT_EQ(kind->has_opcode(), *kind->since != '\0') << kind->name;
    if (kind->policy == ring_policy::submit) {
      EXPECT_TRUE(kind->has_opcode()) << kind->name;
    }
  }
}

}  // namespace
}  // namespace gyre
