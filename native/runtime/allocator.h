// Where all large native memory comes from: counted, aligned, zeroed, and refused with a number rather than a crash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <utility>

namespace steepest {

// More memory was wanted than the system gives.
class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(uint64_t bytes);
  OutOfMemory(uint64_t bytes, std::string message) : bytes_(bytes), message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }
  uint64_t bytes() const { return bytes_; }

 private:
  uint64_t bytes_;
  std::string message_;
};

// What new memory holds. kUndefined: large blocks are taken from those freed before, which have their pages. The system
// takes as long to give and zero a page as it takes to compute with what is copied to it.
enum class Contents { kZeros, kUndefined };

// Bytes, aligned to 64 (large ones to huge pages). Zero bytes are a valid, non-null buffer.
class Allocation {
 public:
  Allocation() = default;
  explicit Allocation(uint64_t bytes, Contents contents = Contents::kZeros);  // throws OutOfMemory
  ~Allocation();
  Allocation(Allocation&& other) noexcept { swap(other); }
  Allocation& operator=(Allocation&& other) noexcept {
    Allocation(std::move(other)).swap(*this);
    return *this;
  }

  uint8_t* data() const { return data_; }
  uint64_t size() const { return size_; }
  void swap(Allocation& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(spare_, other.spare_);
  }

 private:
  void* block_ = nullptr;  // what the system gave
  uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
  uint64_t spare_ = 0;  // bytes of the block that somebody else may have when it is freed
};

// In all buffers of the process.
uint64_t bytesInUse();

// In freed blocks that are kept: kMostSpareBytes at most, and blocks larger than that, up to an eighth of the machine's memory,
// which the system takes back when it is short of it.
constexpr uint64_t kMostSpareBytes = uint64_t{64} << 20;
uint64_t bytesSpare();

// For tests: the n-th buffer made from now on (1 is the next one) is refused. 0 switches it off.
void failAllocation(uint64_t n);

}  // namespace steepest
