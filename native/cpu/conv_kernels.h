// Inner loops of convolution, one table per CPU target.
#pragma once

#include <cstdint>

#include "gemm.h"

namespace steepest {

// m neighbouring pixels of a line of the result, n columns of each: c[i][j] = sum over runs and p of
// run[i * aRow + p] * B[row of the run + p][j]. No copy is made of what overlapping windows see.
struct ConvLine {
  const float* const* runs;  // where the first pixel's begin
  const int64_t* rows;       // of B
  int64_t count, length;     // runs, and floats of each
  int64_t aRow;              // between what neighbouring pixels see
  const float* b;            // in panels, see GemmBlock; row p of a panel begins at p * panel
  int64_t bPanel;
  float* c;
  int64_t cRow;
  int64_t m, n;
};

struct ConvKernels {
  // Every element is summed in the order of the runs.
  void (*line)(const ConvLine& line);
  // To bfloat16.
  void (*round)(const float* from, float* to, int64_t n);
  // What follows the sum, in place; c is row 0 of the gate.
  void (*finish)(const GemmFinish& finish, float* c, int64_t cRow, int64_t m, int64_t n);
};

}  // namespace steepest
