#pragma once

#include <stddef.h>

#include "gemm.h"
#include "tensor_map.h"

namespace steepest::cuda {

// An operand [batch, outer, inner] rounded to bfloat16 or tf32, `run` numbers from one outer index to the next.
struct RoundArguments {
  int64_t loopStep;
  const float* from;
  int64_t slide;  // bytes, with every step of a loop
  void* to;
  int64_t outer, inner, run;
  int64_t outerStride, innerStride;  // elements
  Domain batch;
  int64_t batchStrides[kAxes];
  uint32_t quads;  // four neighbours may be read at once
  uint32_t tf32;
  uint32_t narrow;  // they are bfloat16 numbers already
  uint32_t unused;
};

// Tensor maps lie at multiples of 64 bytes, on the device too.
struct WgmmaArguments {
  int64_t loopStep;
  int64_t sharedA, sharedB;  // 1: all batches have the same one
  int64_t sends;             // 1: results go to memory by the map of c, in boxes
  int64_t unused[4];
  TensorMap a, b;  // axes of the rounded operands, innermost first
  TensorMap c;     // [part, batch, m, n]; the first two are one axis
  GemmArguments product;
  uint64_t end[8 - sizeof(GemmArguments) % 64 / 8];
};
static_assert(offsetof(WgmmaArguments, a) % 64 == 0 && sizeof(WgmmaArguments) % 64 == 0,
              "is the same with and without alignment");

constexpr int kWgmmaRows = 128, kWgmmaDepth = 64, kWgmmaStages = 4, kWgmmaThreads = 384;
constexpr int kWgmmaDepthTf32 = kWgmmaDepth / 2;  // as many bytes
constexpr int kWgmmaPair = 2;                     // blocks of a cluster
constexpr int kTransposeEdge = 32;

// Shared memory of each warp that multiplies: two boxes of its results, see gemm_boxes.h, or a strip of its sums.
constexpr int kBoxRows = 16, kWarpBoxesBytes = 2 * kBoxRows * 128;
static_assert(kStripBytes <= kWarpBoxesBytes, "results go either way");

// Of a block: stages, boxes, and barriers of the stages.
constexpr uint32_t wgmmaBytes(int64_t columns) {
  return static_cast<uint32_t>(kWgmmaStages * ((kWgmmaRows + columns) * kWgmmaDepth * 2 + 2 * 8) +
                               kWgmmaRows / kBoxRows * kWarpBoxesBytes);
}

}  // namespace steepest::cuda
