#pragma once

#include <stdint.h>

namespace steepest::cuda {

// Lines of pairs, key << 32 | position, on their way into the order of their keys; equal keys keep theirs.
struct SortArguments {
  const uint64_t* from;  // [lines, size]
  uint64_t* to;
  uint32_t* counts;  // [lines, parts, kDigits]
  int64_t lines, size;
  int64_t parts, partSize;  // of a line, for a block each
  uint32_t shift;           // which digit this pass is about
  uint32_t unused;
};

constexpr int kShortLine = 2048;  // pairs that one block sorts in shared memory
constexpr int kDigits = 256;
constexpr int kSortTile = 2048;  // pairs that a block of kSortThreads has in registers
constexpr int kSortThreads = 256;

}  // namespace steepest::cuda
