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

// What the machine has, or no bound where it does not say.
uint64_t physicalBytes() {
#if defined(_SC_PHYS_PAGES)
  static const uint64_t physical =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return physical;
#else
  return SIZE_MAX / 2;
#endif
}

// Overcommitting systems say yes to anything and kill the process when it is used: more than the machine has is a no.
bool fitsMachine(uint64_t bytes) {
  const uint64_t physical = physicalBytes();
  return bytes <= physical && inUse.load(std::memory_order_relaxed) <= physical - bytes;
}

uint8_t* alignUp(void* at, uint64_t alignment) {
  return reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(at) + alignment - 1) & ~(alignment - 1));
}

// Lets the system have the pages of a block whose contents do not matter, should it need them before they are written again.
// False where a system has no such thing.
bool lend([[maybe_unused]] void* block, [[maybe_unused]] uint64_t bytes) {
#if defined(MADV_FREE)
  return madvise(alignUp(block, kHugePage), bytes - kHugePage, MADV_FREE) == 0;
#else
  return false;
#endif
}

bool failsOnPurpose() {
  uint64_t n = failCountdown.load(std::memory_order_relaxed);
  while (n > 0 && !failCountdown.compare_exchange_weak(n, n - 1)) {
  }
  return n == 1;
}

// Freed blocks, the one that was freed first at the front. Beside those that are kept as they are, kMostSpareBytes of them,
// there are larger ones that the system may take back when it needs memory. Given back at once they would cost more than
// what is computed with them: virtual machines report free pages to their host, and each has to be asked for again.
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
    (found.isLent() ? lent_ : kept_) -= found.bytes;
    bytes = found.bytes;
    return found.data;
  }

  void give(void* data, uint64_t bytes) {
    const Block block{data, bytes};
    if (block.isLent() && (bytes > mostLent() || !lend(data, bytes))) return std::free(data);
    const std::lock_guard lock(mutex_);
    blocks_.push_back(block);
    (block.isLent() ? lent_ : kept_) += bytes;
    freeDownTo(kMostSpareBytes, mostLent());
  }

  void clear() {
    const std::lock_guard lock(mutex_);
    freeDownTo(0, 0);
  }

  uint64_t bytes() {
    const std::lock_guard lock(mutex_);
    return kept_ + lent_;
  }

 private:
  struct Block {
    void* data;
    uint64_t bytes;
    bool isLent() const { return bytes > kMostSpareBytes; }
  };

  static uint64_t mostLent() { return physicalBytes() / 8; }

  void freeDownTo(uint64_t mostKept, uint64_t mostLent) {
    const auto isTooMany = [&](const Block& block) {
      uint64_t& bytes = block.isLent() ? lent_ : kept_;
      if (bytes <= (block.isLent() ? mostLent : mostKept)) return false;
      std::free(block.data);
      bytes -= block.bytes;
      return true;
    };
    blocks_.erase(std::remove_if(blocks_.begin(), blocks_.end(), isTooMany), blocks_.end());
  }

  std::mutex mutex_;
  std::vector<Block> blocks_;
  uint64_t kept_ = 0, lent_ = 0;  // bytes
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
  data_ = alignUp(block_, alignment);
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
  if (spare_ > 0) {
    Spares::all().give(block_, spare_);
  } else {
    std::free(block_);
  }
}

uint64_t bytesInUse() { return inUse.load(std::memory_order_relaxed); }

uint64_t bytesSpare() { return Spares::all().bytes(); }

void failAllocation(uint64_t n) { failCountdown.store(n, std::memory_order_relaxed); }

}  // namespace steepest
