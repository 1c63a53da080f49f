#pragma once

#include <stdint.h>

namespace steepest::cuda {

// x [outer, axis, inner], contiguous
struct AxisArguments {
  const void* x;
  void* y;
  uint64_t* pairs;  // argsort: room for each element
  int64_t outer, axis, inner;
  int64_t count;  // argsort: positions that are wanted
  uint32_t dtype;
  uint32_t flag;  // argReduce: 1 for the smallest; cumsum: reverse; argsort: descending
};

}  // namespace steepest::cuda
