#include "scenarios/validate/freed_memory.hpp"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace orrery {
namespace {

/// Pages of 2 MiB where the system gives them to who asks: first touches are a third of a cost court in pages
/// of 4 KiB. Address space alone; what is never touched takes no memory.
void ask_for_large_pages() {
  constexpr std::size_t room = std::size_t(4) << 30;
  void* const all = std::malloc(room);
  if (all == nullptr) return;
  const auto page = std::uintptr_t(sysconf(_SC_PAGESIZE)), at = std::uintptr_t(all);
  const std::uintptr_t first = (at + page - 1) / page * page;
  madvise(reinterpret_cast<void*>(first), (at + room - first) / page * page, MADV_HUGEPAGE);
  std::free(all);
}

}  // namespace

void keep_freed_memory() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, 64 << 20);
  ask_for_large_pages();
}

}  // namespace orrery
