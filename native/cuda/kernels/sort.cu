// Sorting of pairs by key. Short lines: a bitonic network in shared memory. Long ones: passes over digits of 8 bits, each of which
// counts the digits of every part of a line and then moves the pairs, in order, to where those before leave off.
#include "kernel.h"
#include "ptx.h"
#include "sort.h"

namespace steepest::cuda {

// A pair is one number, and no two are equal: positions differ.
STEEPEST_KERNEL(sortShort, SortArguments a) {
  __shared__ uint64_t pairs[kShortLine];
  const int size = static_cast<int>(a.size), thread = static_cast<int>(threadIdx.x);
  int padded = 2;
  while (padded < size) padded *= 2;
  for (int64_t line = blockIdx.x; line < a.lines; line += gridDim.x) {
    for (int i = thread; i < padded; i += static_cast<int>(blockDim.x)) {
      pairs[i] = i < size ? a.from[line * a.size + i] : UINT64_MAX;
    }
    __syncthreads();
    for (int run = 2; run <= padded; run *= 2) {
      for (int apart = run / 2; apart > 0; apart /= 2) {
        for (int i = thread; i < padded / 2; i += static_cast<int>(blockDim.x)) {
          const int low = (i & ~(apart - 1)) * 2 | (i & (apart - 1)), high = low + apart;
          const uint64_t first = pairs[low], second = pairs[high];
          if ((first > second) == ((low & run) == 0)) {
            pairs[low] = second;
            pairs[high] = first;
          }
        }
        __syncthreads();
      }
    }
    for (int i = thread; i < size; i += static_cast<int>(blockDim.x)) a.to[line * a.size + i] = pairs[i];
    __syncthreads();
  }
}

STEEPEST_INLINE uint32_t digitOf(uint64_t pair, uint32_t shift) {
  return static_cast<uint32_t>(pair >> shift) & (kDigits - 1);
}

// A block for each part of each line, a thread for each digit.
STEEPEST_TILED_KERNEL(kSortThreads, 1, sortCounts, SortArguments a) {
  __shared__ uint32_t counts[kDigits];
  const int64_t line = blockIdx.x / a.parts, part = blockIdx.x % a.parts;
  const uint64_t* const from = a.from + line * a.size;
  const int64_t end = smaller((part + 1) * a.partSize, a.size);
  counts[threadIdx.x] = 0;
  __syncthreads();
  for (int64_t i = part * a.partSize + threadIdx.x; i < end; i += kSortThreads) {
    atomicAdd(&counts[digitOf(from[i], a.shift)], 1u);
  }
  __syncthreads();
  a.counts[static_cast<int64_t>(blockIdx.x) * kDigits + threadIdx.x] = counts[threadIdx.x];
}

STEEPEST_TILED_KERNEL(kSortThreads, 1, sortMove, SortArguments a) {
  constexpr int kWarps = kSortThreads / 32, kRounds = kSortTile / kSortThreads;
  __shared__ uint32_t next[kWarps][kDigits];  // where the next pair of a digit goes, for each warp
  __shared__ uint32_t scanned[kDigits];
  const int64_t line = blockIdx.x / a.parts, part = blockIdx.x % a.parts;
  const uint64_t* const from = a.from + line * a.size;
  uint64_t* const to = a.to + line * a.size;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;

  // What comes before: smaller digits, and this one in the parts before.
  uint32_t before = 0, all = 0;
  for (int64_t p = 0; p < a.parts; ++p) {
    const uint32_t count = a.counts[(line * a.parts + p) * kDigits + thread];
    if (p < part) before += count;
    all += count;
  }
  scanned[thread] = all;
  __syncthreads();
  for (int by = 1; by < kDigits; by *= 2) {
    const uint32_t more = thread >= by ? scanned[thread - by] : 0;
    __syncthreads();
    scanned[thread] += more;
    __syncthreads();
  }
  before += scanned[thread] - all;

  const int64_t end = smaller((part + 1) * a.partSize, a.size);
  for (int64_t tile = part * a.partSize; tile < end; tile += kSortTile) {
    for (int i = lane; i < kDigits; i += 32) next[warp][i] = 0;
    __syncwarp();
    // The place of each pair among those of its warp with the same digit.
    uint64_t pairs[kRounds];
    uint32_t places[kRounds];
#pragma unroll
    for (int r = 0; r < kRounds; ++r) {
      const int64_t i = tile + (warp * kRounds + r) * 32 + lane;
      pairs[r] = i < end ? from[i] : 0;
      const uint32_t digit = i < end ? digitOf(pairs[r], a.shift) : kDigits;
      const uint32_t same = ptx::lanesWith(digit), lower = same & ((1u << lane) - 1);
      const uint32_t known = digit < kDigits ? next[warp][digit] : 0;
      places[r] = known + ptx::bitsOf(lower);
      __syncwarp();
      if (lower == 0 && digit < kDigits) next[warp][digit] = known + ptx::bitsOf(same);
      __syncwarp();
    }
    __syncthreads();
#pragma unroll
    for (int w = 0; w < kWarps; ++w) {
      const uint32_t count = next[w][thread];
      next[w][thread] = before;
      before += count;
    }
    __syncthreads();
#pragma unroll
    for (int r = 0; r < kRounds; ++r) {
      const int64_t i = tile + (warp * kRounds + r) * 32 + lane;
      if (i < end) to[next[warp][digitOf(pairs[r], a.shift)] + places[r]] = pairs[r];
    }
    __syncthreads();
  }
}

}  // namespace steepest::cuda
