// map: a program over every element of a domain. A thread works on `width` neighbours of the last axis at a time, and goes on in
// strides of the grid.
#pragma once

#include "kernel.h"

namespace steepest::cuda::emit {

// A domain and its operands, the program's inputs before its outputs. What is not part of the text (addresses, and how long the
// first axis is) may differ between segments that share a kernel.
struct MapLayout {
  int rank = 0;
  int64_t shape[kAxes] = {};
  int width =
      1;  // 4: the last axis is a multiple of it, and outputs are neighbours at multiples of 16 bytes (bools: 4)
  std::vector<Layout> operands;
  std::vector<bool> aligned;  // neighbours in memory, at such addresses: one access for all

  // Equal for segments with the same kernel.
  std::string key() const;
  // How often an operand changes.
  Rate rateOf(size_t operand) const;
};

// Arguments: { u64 loopStep, u64 table, u32 segments, u32 unused, segment }. A segment is { u32 first, blocks, groups, unused,
// u64 data[operands], u64 slides[operands] }, where `first` counts blocks of earlier ones; with several they are in the table.
constexpr int64_t kMapSegmentAt = 24;
constexpr int64_t kMapDataAt = 16;

Part mapPart(const steepest::Program& program, const MapLayout& layout, bool several);

}  // namespace steepest::cuda::emit
