#include "allocator.h"

#include <atomic>
#include <cstdlib>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace steepest {
namespace {

constexpr uint64_t kAlignment = 64;
constexpr uint64_t kHugePage = uint64_t{2} << 20;

std::atomic<uint64_t> inUse{0};
std::atomic<uint64_t> failCountdown{0};

// Overcommitting systems say yes to anything and kill the process when it is used: more than the machine has is a no.
bool fitsMachine(uint64_t bytes) {
#if defined(_SC_PHYS_PAGES)
  static const uint64_t physical =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return bytes <= physical && inUse.load(std::memory_order_relaxed) <= physical - bytes;
#else
  return bytes <= SIZE_MAX / 2;
#endif
}

bool failsOnPurpose() {
  uint64_t n = failCountdown.load(std::memory_order_relaxed);
  while (n > 0 && !failCountdown.compare_exchange_weak(n, n - 1)) {
  }
  return n == 1;
}

}  // namespace

OutOfMemory::OutOfMemory(uint64_t bytes)
    : bytes_(bytes),
      message_("out of memory: " + std::to_string(bytes) + " bytes wanted, " + std::to_string(bytesInUse()) +
               " in use") {}

Allocation::Allocation(uint64_t bytes) {
  const uint64_t alignment = bytes >= 2 * kHugePage ? kHugePage : kAlignment;
  // calloc leaves the pages of large blocks to be zeroed when they are first touched.
  if (!failsOnPurpose() && fitsMachine(bytes)) block_ = std::calloc(1, bytes + alignment);
  if (block_ == nullptr) throw OutOfMemory(bytes);
  data_ = reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(block_) + alignment - 1) & ~(alignment - 1));
  size_ = bytes;
  inUse.fetch_add(bytes, std::memory_order_relaxed);
#if defined(MADV_HUGEPAGE)
  // Fewer TLB misses in the kernels that stride through it. Advice only: failing is fine.
  if (alignment == kHugePage) madvise(data_, bytes & ~(kHugePage - 1), MADV_HUGEPAGE);
#endif
}

Allocation::~Allocation() {
  if (block_ == nullptr) return;
  inUse.fetch_sub(size_, std::memory_order_relaxed);
  std::free(block_);
}

uint64_t bytesInUse() { return inUse.load(std::memory_order_relaxed); }

void failAllocation(uint64_t n) { failCountdown.store(n, std::memory_order_relaxed); }

}  // namespace steepest
