// reduce: sum, max, min or product of a program's values over some axes. Sums and products of floats are float64, so that the
// error does not grow with the number of terms; what is added to what depends on the shape only.
#pragma once

#include "kernel.h"

namespace steepest::cuda::emit {

enum class ReduceShape : uint8_t {
  kThread,   // a thread for each output: few terms
  kWarp,     // a warp for each output, neighbours read neighbouring terms
  kBlock,    // the same with a block
  kColumns,  // 32 neighbouring outputs for a block of 8 warps, each of which takes every eighth term
};

struct ReduceLayout {
  ReduceShape way = ReduceShape::kThread;
  uint32_t kind = 0;   // ReduceKind
  bool whole = false;  // int32
  // Terms are divided into parts, whose results go to memory as they are held; a kernel for them follows.
  bool parts = false;
  // Terms are such results: there is no program and one operand, whose dtype means nothing.
  bool fromParts = false;
  int width = 1;  // neighbouring terms of a thread, 1 or 4
  int keptRank = 0, reducedRank = 0;
  int64_t shape[kAxes] = {};      // of kept axes, then of reduced ones; neither first one is part of the text
  std::vector<Layout> operands;   // strides in that order; last the result, by kept axes only
  std::vector<bool> aligned;      // see MapLayout
  int64_t positions[kAxes] = {};  // strides of the index that the program sees

  Bank bank() const;
};

// Arguments: { u64 loopStep, outputs, terms, parts, termsOfPart, data[operands], slides[operands] }. Result r of part p
// is element r * parts + p. It has reduceBlocks(way, outputs) * parts blocks.
constexpr int64_t kReduceDataAt = 40;

Part reducePart(const steepest::Program& program, const ReduceLayout& layout);

int64_t reduceBlocks(ReduceShape way, int64_t outputs);
int64_t bytesOf(Bank bank);

}  // namespace steepest::cuda::emit
