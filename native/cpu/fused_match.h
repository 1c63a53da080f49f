// Finds the runs of steps that are compiled (simd/fused.h) in a program that is being bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "simd/fused.h"

namespace steepest {

// A step that runs on tiles. Values are numbered through the program and never change.
struct TileStep {
  ScalarOp op;
  Lane lanes;
  uint8_t arity;
  int args[3];
  int value;
};

// What is known of a value when the steps are bound.
struct TileValue {
  bool uniform;    // one number for the whole tile
  size_t lastUse;  // the last of the tile's steps that reads it; SIZE_MAX for an output of the program
};

struct FusedMatch {
  int run = -1;                               // index of kFusedRuns; -1 for none
  int operands[FusedRun::kMaxOperands] = {};  // values
  int steps[FusedRun::kMaxSteps] = {};        // of the program: each of the run's
};

// The longest run that the steps from number `first` on are, in any order and with the operands of sums and products in
// any order. With `single`, tiles hold one element each, so that it does not matter which operands are uniform.
FusedMatch findFusedRun(const std::vector<TileStep>& steps, size_t first, const std::vector<TileValue>& values,
                        bool single);

// How often a run of kFusedRuns was found so far in this process, and what it is called: tests see there whether the graphs
// of today still contain it.
int64_t timesFound(int run);
const char* fusedRunName(int run);

}  // namespace steepest
