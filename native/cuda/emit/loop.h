// loop: all steps of a loop over time in one kernel, when the rows of a batch do not depend on each other. A block has some rows and
// takes them through the body again and again, with barriers where an instruction needs what another one made. The blocks of
// a cluster, its members, share rows: each has its part of the columns, and of the weights, which stay in shared memory as far as
// they fit.
#pragma once

#include <optional>

#include "block.h"
#include "map.h"

namespace steepest::cuda::emit {

constexpr int kLoopThreads = 512;

// a [rows, depth] times weights [depth, columns]. Operand a is copied to shared memory first; sums of parts of the depth go there.
struct LoopProduct {
  Layout a;               // by row and depth
  bool aligned = false;   // quads along the depth are one access
  bool bfloat16 = false;  // operands are rounded
  int64_t depth = 0;
  int64_t columns = 0;       // of a member, a multiple of 4
  int64_t rowsOfThread = 1;  // and 4 columns
  int64_t parts = 1, partDepth = 4;
  int64_t held = 0;                  // rows of each part of the weights that are in shared memory,
  int64_t weightsAt = 0;             // there, in bytes
  Meeting staged = Meeting::kBlock;  // once a is in shared memory
  // { a, its slide, weights }: those of all members one after the other, each [parts * partDepth, columns].
  int64_t arguments = 0;
};

// A map over [rows, ..., units], or what a product ends with: then the first inputs are slices of its columns, and as many operands
// none.
struct LoopMap {
  steepest::Program program;
  int slices = 0;
  MapLayout layout;               // the last axis is the part of a member
  int64_t positions[kAxes] = {};  // strides of the index that the program sees
  int64_t arguments = 0;          // { data[operands], slides[operands] }
};

struct LoopInstruction {
  Meeting before = Meeting::kNone;
  std::optional<LoopProduct> product;
  LoopMap map;
};

struct LoopLayout {
  int64_t steps = 1, rows = 1;
  int64_t rowsOfBlock = 1;
  int members = 1;
  std::vector<LoopInstruction> body;
  int64_t sumsAt = 0;  // in shared memory, behind a

  int64_t blocks() const { return (rows + rowsOfBlock - 1) / rowsOfBlock * members; }
};

// Floats between the rows of a in shared memory.
inline int64_t stagedStride(const LoopProduct& product) { return product.parts * product.partDepth + 4; }

// Arguments: `words` of 64 bits.
Kernel emitLoop(const LoopLayout& loop, size_t words);

}  // namespace steepest::cuda::emit
