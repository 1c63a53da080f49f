// Products of float32 rows and an int8 matrix, one table per CPU target. matmul_int8.cc cuts them into blocks.
//
// A row x of A becomes whole numbers q = round(x * (127 / largest |x|)); the product is largest |x| / 127 times the sum of
// q * b, which is exact in 32 bits. Where no |x| reaches 2^-100 all are zeros; where one is NaN or infinite the product is NaN.
#pragma once

#include <cstdint>

#include "gemm.h"

namespace steepest {

struct Int8Block {
  const uint8_t* a;  // rows that `quantize` made, aRow bytes apart
  int64_t aRow;
  const float* steps;  // of the rows: what one stands for
  const uint8_t* b;    // panels that `pack` made
  float* c;
  int64_t cRow;
  int64_t m, n, k;
  const GemmFinish* finish;  // or null
};

struct Int8Kernels {
  int64_t rows;   // of C in registers
  int64_t panel;  // columns of C in registers
  // So many neighbours along k share a word, which is what a lane multiplies at a time.
  int64_t group;
  int64_t wordBytes;  // of a row of A

  // One row of A. Writes whole vectors: up to kSlack bytes more than its words.
  void (*quantize)(const float* a, int64_t aDepth, int64_t k, uint8_t* row, float* step);
  // Packs B [k, n] of any strides as panels, zeros to the right of the last column.
  void (*pack)(const int8_t* b, int64_t bRow, int64_t bColumn, int64_t k, int64_t n, uint8_t* panels);
  void (*block)(const Int8Block&);
  // As LimitKernels::multiplyAdd, with whole numbers.
  int64_t opsPerRound;
  int32_t (*multiplyAdd)(int64_t rounds, int32_t factor);

  static constexpr int64_t kSlack = 64;
  int64_t words(int64_t k) const { return (k + group - 1) / group; }
  // What sums begin with, then the words of its columns.
  int64_t panelBytes(int64_t k) const { return panel * (static_cast<int64_t>(sizeof(int32_t)) + words(k) * group); }
};

}  // namespace steepest
