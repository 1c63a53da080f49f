#include "memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace steepest::emulated {
namespace {

constexpr size_t kSentinel = 256;
constexpr unsigned char kPattern = 0xa5;
constexpr unsigned char kFresh = 0xcd;  // new memory has no meaning

// With the address sanitizer, what touches a sentinel is reported where it does, reads too.
#ifdef __SANITIZE_ADDRESS__
void forbid(const void* begin, size_t bytes) { ASAN_POISON_MEMORY_REGION(begin, bytes); }
void allow(const void* begin, size_t bytes) { ASAN_UNPOISON_MEMORY_REGION(begin, bytes); }
bool isWhole(const unsigned char*) { return true; }
#else
void forbid(const void*, size_t) {}
void allow(const void*, size_t) {}
bool isWhole(const unsigned char* sentinel) {
  return std::all_of(sentinel, sentinel + kSentinel, [](unsigned char c) { return c == kPattern; });
}
#endif

}  // namespace

uint64_t DeviceMemory::allocate(size_t bytes, size_t limit) {
  if (bytes > limit || used_ > limit - bytes) return 0;
  const size_t room = (bytes + kSentinel - 1) / kSentinel * kSentinel + 2 * kSentinel;
  auto* const block = static_cast<unsigned char*>(std::aligned_alloc(kSentinel, room));
  if (block == nullptr) return 0;
  std::memset(block, kPattern, room);
  std::memset(block + kSentinel, kFresh, bytes);
  forbid(block, kSentinel);
  forbid(block + kSentinel + bytes, room - kSentinel - bytes);
  const auto address = reinterpret_cast<uint64_t>(block + kSentinel);
  blocks_[address] = bytes;
  used_ += bytes;
  return address;
}

bool DeviceMemory::release(uint64_t address) {
  const auto found = blocks_.find(address);
  if (found == blocks_.end()) return false;
  const size_t bytes = found->second;
  used_ -= bytes;
  blocks_.erase(found);
  auto* const block = reinterpret_cast<unsigned char*>(address) - kSentinel;
  allow(block, (bytes + kSentinel - 1) / kSentinel * kSentinel + 2 * kSentinel);
  std::free(block);
  return true;
}

bool DeviceMemory::contains(uint64_t address, size_t bytes) const {
  auto block = blocks_.upper_bound(address);
  if (block == blocks_.begin()) return false;
  --block;
  return bytes <= block->second && address - block->first <= block->second - bytes;
}

std::pair<uint64_t, uint64_t> DeviceMemory::blockOf(uint64_t address) const {
  auto block = blocks_.upper_bound(address);
  if (block == blocks_.begin()) return {0, 0};
  --block;
  if (address - block->first > block->second) return {0, 0};
  return {block->first, block->first + block->second};
}

bool DeviceMemory::touches(const void* pointer, size_t bytes) const {
  // The last block that does not begin behind them: the others end even earlier.
  const auto address = reinterpret_cast<uint64_t>(pointer);
  auto block = blocks_.lower_bound(address + bytes + kSentinel);
  if (block == blocks_.begin()) return false;
  --block;
  return address < block->first + block->second + kSentinel;
}

std::string DeviceMemory::damageOf(uint64_t address) const {
  const size_t bytes = blocks_.at(address);
  const auto* const data = reinterpret_cast<const unsigned char*>(address);
  if (!isWhole(data - kSentinel)) return "wrote in front of a block of " + std::to_string(bytes) + " bytes";
  if (!isWhole(data + bytes)) return "wrote behind a block of " + std::to_string(bytes) + " bytes";
  return "";
}

std::string DeviceMemory::damage() {
  constexpr size_t kBlocks = 64;
  auto block = blocks_.lower_bound(next_);
  for (size_t i = 0; i < std::min(kBlocks, blocks_.size()); ++i, ++block) {
    if (block == blocks_.end()) block = blocks_.begin();
    std::string found = damageOf(block->first);
    if (!found.empty()) return found;
  }
  next_ = block == blocks_.end() ? 0 : block->first;
  return "";
}

}  // namespace steepest::emulated
