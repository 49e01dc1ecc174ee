#include <cstddef>
#include <new>

#include "gyre/tests/models/relacy_std.h"

// Relacy replaces new and delete, by inline functions: they are in a program, for the standard
// library too, only where something refers to them. Those that know the size it has not replaced.
namespace gyre::model {

using allocation = void* (*)(std::size_t);
using deallocation = void (*)(void*);

[[gnu::used]] allocation allocations[] = {::operator new, ::operator new[] };
[[gnu::used]] deallocation deallocations[] = {::operator delete, ::operator delete[] };

}  // namespace gyre::model

void operator delete(void* block, std::size_t) noexcept {
  ::operator delete(block);
}
void operator delete[](void* block, std::size_t) noexcept {
  ::operator delete[](block);
}
