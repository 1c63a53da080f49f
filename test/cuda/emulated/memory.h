// Memory of the emulated device: blocks of host memory with sentinels around them. Addresses are checked against the list of
// blocks wherever the driver gets one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace steepest::emulated {

class DeviceMemory {
 public:
  // 0 when the limit does not allow it.
  uint64_t allocate(size_t bytes, size_t limit);
  bool isBlock(uint64_t address) const { return blocks_.count(address) > 0; }
  bool release(uint64_t address);
  // The bytes lie inside one block.
  bool contains(uint64_t address, size_t bytes) const;
  // The block that an address lies in, or is the end of: its first byte and one past its last. {0, 0} if there is none.
  std::pair<uint64_t, uint64_t> blockOf(uint64_t address) const;
  // Some of the bytes lie in a block, or beside one in its sentinels.
  bool touches(const void* address, size_t bytes) const;
  // What has written over a sentinel, or nothing. Looks at some of the blocks, at all within a few calls.
  std::string damage();
  // The same for one block.
  std::string damageOf(uint64_t address) const;
  size_t used() const { return used_; }

 private:
  std::map<uint64_t, size_t> blocks_;
  size_t used_ = 0;
  uint64_t next_ = 0;  // block to look at
};

}  // namespace steepest::emulated
