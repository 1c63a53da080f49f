// What the emulated driver puts into a TensorMap: up to three axes of 16-bit numbers, innermost first.
#pragma once

#include <cstdint>

namespace steepest::emulated {

struct Tensor16 {
  static constexpr uint64_t kMagic = 0x74656e736f723136;
  uint64_t magic;
  uint64_t address;
  uint64_t shape[3];
  uint64_t strides[3];  // bytes
  uint32_t box[3], swizzled;
};
static_assert(sizeof(Tensor16) <= 128);

}  // namespace steepest::emulated
