#pragma once

namespace steepest::cuda {

// Kernels over rows (held.h) have a warp for each row, a block, or blocks that read long rows as often as they need them, from
// the second time on out of the cache: 2 for each multiprocessor, so that their rows fit it. Warps of a block of each kind:
constexpr int kRowWarps = 4, kRowBlockWarps = 8, kRowStreamWarps = 16;
constexpr int kHeldQuads = 8;                      // of a thread, in registers
constexpr int kHeldColumns = 32 * kHeldQuads * 4;  // that a warp holds of a row

}  // namespace steepest::cuda
