#pragma once

#include <stdint.h>

namespace steepest::cuda {

// x [outer, axis, inner], contiguous
struct AxisArguments {
  const void* x;
  void* y;
  uint64_t* pairs;         // argsort: [outer, inner, axis], key << 32 | position
  const uint64_t* sorted;  // the same, sorted
  int64_t outer, axis, inner;
  int64_t count;            // argsort: positions that are wanted
  int64_t parts, partSize;  // cumsum: of a line, for a block each
  void* sums;               // cumsum: [outer, inner, parts], of each part, when there are several
  uint32_t dtype;
  uint32_t flag;  // argReduce: 1 for the smallest; cumsum: reverse; argsort: descending
};

}  // namespace steepest::cuda
