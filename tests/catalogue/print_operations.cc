#include <cstdio>

#include "gyre/tests/catalogue/operations_table.h"

// Prints docs/operations.md.
int main() {
  return std::fputs(gyre::operations_table().c_str(), stdout) < 0 ? 1 : 0;
}
