// The inner loops of scalar programs and reductions as the binding code sees them. No library here: SIMD sources include it.
#pragma once

#include <cstdint>

#include "../../plan/ops.h"
#include "fused.h"

namespace steepest {

// One step of a program on a tile. Operands and result are slots of a table of addresses, so that a step stays as it is
// while the tiles move on: the operands of memory walk, registers in scratch stay.
struct SimdStep {
  // `count` elements; the first is at linear index `position` of the domain.
  void (*run)(const SimdStep& step, void* const* slots, int64_t count, int64_t position);
  uint16_t args[3];
  uint16_t dst;
  uint32_t immediates[2];
  uint16_t fused[FusedRun::kMaxOperands + FusedRun::kMaxOutputs] =
      {};  // of a fused run: its operands, then its outputs
};
using TileOp = decltype(SimdStep::run);

// A fused run on `rows` lines of `count` elements. strides[k]: bytes between the lines of what step.fused[k] names.
using FusedLines = void (*)(const SimdStep& step, void* const* slots, const int64_t* strides, int64_t rows,
                            int64_t count);

// Combines values of one lane type, always in the same order for the same sizes.
struct Reducer {
  // results[r] = all of x[r * count .. r * count + count-1], count >= 1, r = 0 .. rows-1.
  void (*rows)(const void* x, int64_t rows, int64_t count, void* results);
  // accumulator[j] = accumulator[j] with x[r * ld + j] for r = 0 .. rows-1, j = 0 .. columns-1.
  void (*columns)(const void* x, int64_t ld, int64_t rows, int64_t columns, void* accumulator);
};

struct TileFunctions {
  // The loop of an operation. Bit i of `uniform`: operand i is one number for the whole tile. Not all operands are,
  // unless count is 1 and the bits are left clear. Null for a code that is no operation on these lanes.
  TileOp (*find)(ScalarOp op, Lane lanes, unsigned uniform);
  TileOp (*fused)(int run);           // an index of kFusedRuns
  FusedLines (*fusedLines)(int run);  // the same
  TileOp widenBool;                   // bool in memory -> 0 or 1 in float lanes
  TileOp widenInt8;                   // int8 in memory -> float lanes
  TileOp widenBfloat16;               // bfloat16 in memory -> float lanes
  TileOp narrowBool;                  // 0 or 1 in float lanes -> bool in memory
  TileOp narrowBfloat16;              // numbers of 8 bits in float lanes -> bfloat16 in memory
  TileOp copy;                        // 32-bit lanes
  TileOp fill;                        // one 32-bit number to all lanes
  const Reducer* (*reducer)(ReduceKind kind, Lane lanes);
};

}  // namespace steepest
