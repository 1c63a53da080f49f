#include "allocator.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <vector>

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

// Freed blocks, the one that was freed first at the front.
class Spares {
 public:
  static Spares& all() {
    static auto* const spares = new Spares;  // threads may free memory at the end of the process
    return *spares;
  }

  // The smallest block of so many bytes or more, but not twice as many; null when there is none. `bytes` becomes its size.
  void* take(uint64_t& bytes) {
    const std::lock_guard lock(mutex_);
    auto best = blocks_.end();
    for (auto block = blocks_.begin(); block != blocks_.end(); ++block) {
      if (block->bytes < bytes || block->bytes / 2 >= bytes) continue;
      if (best == blocks_.end() || block->bytes < best->bytes) best = block;
    }
    if (best == blocks_.end()) return nullptr;
    const Block found = *best;
    blocks_.erase(best);
    bytes_ -= found.bytes;
    bytes = found.bytes;
    return found.data;
  }

  void give(void* data, uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    blocks_.push_back({data, bytes});
    bytes_ += bytes;
    freeDownTo(kMostSpareBytes);
  }

  void clear() {
    const std::lock_guard lock(mutex_);
    freeDownTo(0);
  }

  uint64_t bytes() {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }

 private:
  struct Block {
    void* data;
    uint64_t bytes;
  };

  void freeDownTo(uint64_t most) {
    auto kept = blocks_.begin();
    for (; bytes_ > most; ++kept) {
      std::free(kept->data);
      bytes_ -= kept->bytes;
    }
    blocks_.erase(blocks_.begin(), kept);
  }

  std::mutex mutex_;
  std::vector<Block> blocks_;
  uint64_t bytes_ = 0;
};

constexpr uint64_t kLeastSpare = uint64_t{128} << 10;  // smaller ones malloc keeps itself

}  // namespace

OutOfMemory::OutOfMemory(uint64_t bytes)
    : bytes_(bytes),
      message_("out of memory: " + std::to_string(bytes) + " bytes wanted, " + std::to_string(bytesInUse()) +
               " in use") {}

Allocation::Allocation(uint64_t bytes, Contents contents) {
  const bool huge = bytes >= kHugePage / 2;  // large pages, of which the last may be half empty
  const uint64_t alignment = huge ? kHugePage : kAlignment;
  if (failsOnPurpose() || !fitsMachine(bytes)) throw OutOfMemory(bytes);
  const uint64_t pages = (bytes + kHugePage - 1) & ~(kHugePage - 1);
  uint64_t whole = (huge ? pages : bytes) + alignment;
  const bool reusable = contents == Contents::kUndefined && whole >= kLeastSpare;
  if (reusable) block_ = Spares::all().take(whole);
  // calloc leaves the pages of large blocks to be zeroed when they are first touched.
  if (block_ == nullptr) block_ = std::calloc(1, whole);
  if (block_ == nullptr) {
    Spares::all().clear();
    block_ = std::calloc(1, whole);
  }
  if (block_ == nullptr) throw OutOfMemory(bytes);
  data_ = reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(block_) + alignment - 1) & ~(alignment - 1));
  size_ = bytes;
  spare_ = reusable ? whole : 0;
  inUse.fetch_add(bytes, std::memory_order_relaxed);
#if defined(MADV_HUGEPAGE)
  // Fewer TLB misses in the kernels that stride through it. Advice only: failing is fine.
  if (huge) madvise(data_, pages, MADV_HUGEPAGE);
#endif
}

Allocation::~Allocation() {
  if (block_ == nullptr) return;
  inUse.fetch_sub(size_, std::memory_order_relaxed);
  if (spare_ > 0 && spare_ <= kMostSpareBytes) {
    Spares::all().give(block_, spare_);
  } else {
    std::free(block_);
  }
}

uint64_t bytesInUse() { return inUse.load(std::memory_order_relaxed); }

uint64_t bytesSpare() { return Spares::all().bytes(); }

void failAllocation(uint64_t n) { failCountdown.store(n, std::memory_order_relaxed); }

}  // namespace steepest
