#pragma once

#include "program.h"

namespace steepest::cuda {

// A domain of its own with its operands: first the program's inputs, then its outputs.
struct MapSegment {
  Domain domain;
  int64_t begin;  // of its elements among all
  const Operand* operands;
};

struct MapArguments {
  int64_t loopStep;
  Program program;
  const MapSegment* segments;
  int64_t size;  // elements of all segments
  int32_t segmentCount;
};

}  // namespace steepest::cuda
