#pragma once

#include "../../runtime/gemm_finish.h"
#include "operand.h"

namespace steepest::cuda {

constexpr uint32_t kNarrowA = 1, kNarrowB = 2;

// c [batch, m, n] = finish(a [batch, m, k] b [batch, k, n]); c has no gaps. A block computes a tile of c, or with several
// parts, the sum over a part of k for it, which goes to `sums` [parts, size of c]; gemmParts makes c of them.
struct GemmArguments {
  int64_t loopStep;
  const float *a, *b;
  float* c;
  int64_t aSlide, bSlide, cSlide;  // bytes, with every step of a loop
  int64_t m, n, k;
  int64_t size, cRow;                     // of c: its numbers, and those of a row, which is n for matrices
  int64_t aRow, aDepth, bDepth, bColumn;  // strides, elements
  Domain batch;
  int64_t aBatch[kAxes], bBatch[kAxes];
  int64_t parts, partDepth;
  float* sums;
  GemmFinish finish;
  // Four neighbours may be read or written at once. Neighbours along k in a and b when it is contiguous there.
  uint32_t aQuads, bQuads, cQuads;
  uint32_t bfloat16;  // operands are rounded to it
  uint32_t tf32;      // operands may be rounded to it
  uint32_t narrow;    // kNarrowA, kNarrowB: they are bfloat16 numbers in memory
};

// Shared memory of a warp for 16 x 32 of its sums, see gemm_strip.h. The gap behind a row spreads what half a warp writes at once
// over all banks.
constexpr int kStripRow = 32 + 8;
constexpr int kStripBytes = 16 * kStripRow * 4;

// Edges of the tiles of a kernel.
struct GemmShape {
  int64_t rows, columns, depth;
};

}  // namespace steepest::cuda
