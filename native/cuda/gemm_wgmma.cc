// Products by kernels/gemm_wgmma.cu.
#include "kernels/gemm_wgmma.h"

#include <algorithm>

#include "gemm.h"
#include "rounded.h"

namespace steepest::cuda {

bool canWgmma(const GemmArguments& g, const Device& device) {
  // Coordinates of boxes are 32-bit.
  constexpr int64_t kMost = int64_t{1} << 30;
  return device.capability() == 90 && std::max({g.m, g.n, g.k, g.batch.size}) <= kMost;
}

int wgmmaBlocks(const WgmmaKernel& kernel, Device& device) {
  if (kernel.members == 1) return device.multiprocessors();
  const CUfunction function = device.function(kernel.name);
  const uint32_t sharedBytes = wgmmaBytes(kernel.columns);
  device.allowShared(function, sharedBytes);
  return kernel.members * device.clustersOf(function, kernel.members, kWgmmaThreads, sharedBytes);
}

void addWgmma(const WgmmaKernel& kernel, bool aAlongK, bool bAlongK, const GemmArguments& g, Binder& binder) {
  WgmmaArguments arguments{};
  arguments.product = g;
  const bool tf32 = g.tf32 != 0;
  // The instructions for tf32 take operands along k only: those that lie otherwise are transposed on the way.
  const bool aQuads = aAlongK && g.aQuads != 0, bQuads = bAlongK && g.bQuads != 0;
  aAlongK = aAlongK || tf32;
  bAlongK = bAlongK || tf32;
  Lying a = aAlongK ? Lying{g.a, g.aSlide, g.m, g.k, g.aRow, g.aDepth, g.batch, g.aBatch, aQuads}
                    : Lying{g.a, g.aSlide, g.k, g.m, g.aDepth, g.aRow, g.batch, g.aBatch, g.aQuads != 0};
  Lying b = bAlongK ? Lying{g.b, g.bSlide, g.n, g.k, g.bColumn, g.bDepth, g.batch, g.bBatch, bQuads}
                    : Lying{g.b, g.bSlide, g.k, g.n, g.bDepth, g.bColumn, g.batch, g.bBatch, g.bQuads != 0};
  a.narrow = (g.narrow & kNarrowA) != 0;
  b.narrow = (g.narrow & kNarrowB) != 0;
  const RoundedOperand left = addRounded(a, tf32, binder), right = addRounded(b, tf32, binder);
  arguments.a = describeBoxes(left, aAlongK ? kWgmmaRows : kWgmmaDepth, binder.device());
  arguments.b = describeBoxes(right, bAlongK ? kernel.columns / kernel.members : kWgmmaDepth, binder.device());
  arguments.sharedA = left.shared;
  arguments.sharedB = right.shared;
  arguments.sends = canSend(g);
  if (arguments.sends != 0) arguments.c = describeResult(g, binder.device());
  const int64_t tiles = tilesOf(g, {kWgmmaRows, kernel.columns, 0});
  binder.blocksSliding(kernel.name, std::min<int64_t>(tiles, wgmmaBlocks(kernel, binder.device())), arguments,
                       kWgmmaThreads, wgmmaBytes(kernel.columns));
}

}  // namespace steepest::cuda
