// The body of a loop, looked at row by row: which loops over time can be taken through all steps by blocks that have some rows of
// the batch each, because no row needs what was made of another one.
#pragma once

#include <string>
#include <vector>

#include "../runtime/kernel.h"
#include "emit/loop.h"
#include "together.h"

namespace steepest::cuda {

// What a part of the body touches.
struct LoopAccess {
  Range all, first;  // in all steps, and in the first one,
  int64_t slide;     // from which it moves on by so many bytes with each
  bool written;
  // In memory that the loop writes: where number u of the units lies is a function of u, and the same for all that touch it.
  bool byUnit;
};

// An instruction, a segment of one, or several: a map over [rows, ...], and a product before it, whose columns are the first inputs:
// all of them one, or as many slices as wide as the map.
struct LoopPart {
  const Instruction* product = nullptr;
  int slices = 0;  // of the product
  steepest::Program program;
  std::vector<View> inputs, outputs;  // of the map, without the product
  LoopAccess factor{};                // the product's first operand
  std::vector<LoopAccess> accesses;   // of the map

  const View& domain() const { return outputs[0]; }
};

struct LoopBody {
  int64_t steps = 0, rows = 0;
  std::vector<LoopPart> parts;
  // All last axes are multiples of it, so that members of a cluster can each have a part. 0: they cannot.
  int64_t units = 0;
};

// Row 0 of a view in the first step: its first byte, and how many there are up to its last one. The next row is `row` bytes further.
struct RowBytes {
  int64_t first, extent, row;
};
RowBytes rowOf(const View& view, const Memory& memory);
inline int64_t modulo(int64_t a, int64_t period) { return (a % period + period) % period; }

// Why not, or nothing.
std::string readLoop(const Instruction& loop, const Memory& memory, LoopBody* body);

// Where the threads of a block, or members of a cluster, have to meet: before each part, and between the copy of a product's first
// operand and its sums.
struct LoopMeetings {
  std::vector<emit::Meeting> before, staged;
};
LoopMeetings meetingsOf(const LoopBody& body, bool members);

}  // namespace steepest::cuda
