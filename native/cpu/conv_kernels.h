// Inner loops of convolution, one table per CPU target.
#pragma once

#include <cstdint>

#include "gemm.h"

namespace steepest {

// c[i][j] = sum over runs and p of run[i * aRow + p * aDepth] * B[row of the run + p][j], without copies of what overlapping windows
// see: of m neighbouring pixels of a line of the result (aDepth is 1), or m taps and channels of a kernel's gradient (aRow is 1).
struct ConvRuns {
  const float* const* runs;  // where they begin
  const int64_t* rows;       // of B
  int64_t count, length;     // runs, and steps of each
  int64_t aRow, aDepth;
  const float* b;  // column j of row p is at b[(j / panel) * bPanel + p * bRow + j % panel]
  int64_t bRow, bPanel;
  float* c;
  int64_t cRow;
  int64_t m, n;
};

struct ConvKernels {
  // Every element is summed in the order of the runs.
  void (*multiply)(const ConvRuns&);
  // The same of a few columns, up to four, which lie along k: row p of column j at b[j * bPanel + p]; aDepth and bRow are 1. Lanes
  // go along the runs.
  void (*dots)(const ConvRuns&);
  // To bfloat16.
  void (*round)(const float* from, float* to, int64_t n);
  // What follows the sum, in place; c is row 0 of the gate.
  void (*finish)(const GemmFinish& finish, float* c, int64_t cRow, int64_t m, int64_t n);
};

}  // namespace steepest
