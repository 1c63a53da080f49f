// What the emulated driver puts into a TensorMap: up to three axes of numbers, innermost first.
#pragma once

#include <cstdint>

namespace steepest::emulated {

struct Tensor {
  static constexpr uint64_t kMagic = 0x74656e736f723136;
  uint64_t magic;
  uint64_t address;
  uint64_t shape[3];
  uint64_t strides[3];  // bytes
  uint32_t box[3], elementBytes;
};
static_assert(sizeof(Tensor) <= 128);

}  // namespace steepest::emulated
