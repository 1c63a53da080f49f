// What the emulated driver puts into a TensorMap: axes of numbers, innermost first, and what a copy takes of them, a box or patches
// of images.
#pragma once

#include <cstdint>

#include "../../../native/cuda/kernels/tensor_map.h"

namespace steepest::emulated {

struct Tensor {
  static constexpr uint64_t kMagic = 0x74656e736f723136;
  static constexpr int kMostAxes = 5;
  uint64_t magic;
  uint64_t address;
  uint64_t shape[kMostAxes];
  uint64_t strides[kMostAxes];  // bytes
  uint32_t rank;
  uint16_t elementBytes;
  uint16_t patches;  // 1: of patches, otherwise of boxes
  union {
    uint32_t box[4];
    struct {
      // Where first taps are, from the first cell of an image on and from the last one; and how many channels and pixels a copy
      // has, in this order, as corners in the upper half of a word would look like an address.
      int16_t lower[3];
      uint16_t channels;
      int16_t upper[3];
      uint16_t pixels;
    };
  };
  uint8_t steps[8];  // from one first tap to the next
};
static_assert(sizeof(Tensor) == 128, "is a map, with no padding, which would be what was there before");

// Of a map that a kernel has, of boxes or of patches, or the launch fails.
Tensor describedBy(const cuda::TensorMap* map, bool patches);

// The 128-byte swizzle: which of its eight 16-byte pieces a run holds where depends on the run's address.
inline uint32_t swizzled(uint32_t address) { return address ^ (address >> 3 & 0x70); }

}  // namespace steepest::emulated
