#include <cstdio>

#include "gyre/io/quirks.h"

// Prints docs/quirks.md.
int main() {
  return std::fputs(gyre::quirks_text().c_str(), stdout) < 0 ? 1 : 0;
}
