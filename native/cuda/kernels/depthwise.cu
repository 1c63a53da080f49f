// Depthwise convolution, each channel for itself: threads have neighbouring channels, so what a warp reads lies together. What
// counts is memory: each number is in the cache when other taps ask for it.
#include "bfloat16.h"
#include "conv_patches.h"
#include "depthwise.h"
#include "vectors.h"

namespace steepest::cuda {
namespace {

template <int kWide>
STEEPEST_INLINE Numbers<kWide> operandAt(const GemmArguments& g, const float* p) {
  Numbers<kWide> v = numbersAt<kWide>(p);
  if (kWide == 1 && g.bfloat16 != 0) v.x[0] = toBfloat16(v.x[0]);
  return v;
}

// Forward, and the gradient of the input: a thread has kRunPositions beside each other along the last axis, for which it reads the
// kernel once. The batch is the phase.
template <ConvKind kKind, int kWide>
STEEPEST_INLINE void depthwise(const DepthwiseArguments& arguments) {
  const ConvArguments& a = arguments.conv;
  const GemmArguments& g = a.product;
  const auto vectors = static_cast<uint32_t>(g.n / kWide), runs = static_cast<uint32_t>(arguments.runs);
  STEEPEST_EACH(item, g.batch.size * arguments.runs * (g.n / kWide)) {
    const auto i = static_cast<uint32_t>(item);
    const ConvPhase& phase = a.phases[i / vectors / runs];
    const uint32_t across = (phase.counts[2].by + kRunPositions - 1) / kRunPositions;
    uint32_t q[kSpatial];
    uint32_t rest = i / vectors % runs;
    q[2] = rest % across * kRunPositions;
    rest = divide(rest / across, phase.counts[1], q + 1);
    const uint32_t image = divide(rest, phase.counts[0], q);
    if (image >= static_cast<uint32_t>(arguments.images)) continue;
    // Channels of the destination, of the source, and columns of the kernel.
    const int64_t channel = static_cast<int64_t>(i % vectors) * kWide;
    const int64_t multiplier = kWide == 1 ? arguments.multiplier : 1;
    const int64_t sources = kKind == ConvKind::kInputGrad ? multiplier : 1;
    const int64_t source = kKind == ConvKind::kInputGrad ? channel * multiplier : channel / multiplier;
    const int64_t column = kKind == ConvKind::kInputGrad ? source : channel;
    int32_t first[kSpatial];
#pragma unroll
    for (int d = 0; d < kSpatial; ++d) first[d] = static_cast<int32_t>(q[d]) * a.step[d] + phase.first[d];

    Numbers<kWide> sums[kRunPositions] = {};
    const bool any = phase.depth > 0;
    for (uint32_t i0 = 0; any && i0 < phase.taps[0].by; ++i0) {
      const int32_t x0 = first[0] + static_cast<int32_t>(i0) * a.tapStep[0];
      if (static_cast<uint32_t>(x0) >= static_cast<uint32_t>(a.extent[0])) continue;
      for (uint32_t i1 = 0; i1 < phase.taps[1].by; ++i1) {
        const int32_t x1 = first[1] + static_cast<int32_t>(i1) * a.tapStep[1];
        if (static_cast<uint32_t>(x1) >= static_cast<uint32_t>(a.extent[1])) continue;
        const int64_t row = ((static_cast<int64_t>(image) * a.extent[0] + x0) * a.extent[1] + x1) * a.extent[2];
        const int32_t k0 = phase.kernelFirst[0] + static_cast<int32_t>(i0) * a.kernelStep[0];
        const int32_t k1 = phase.kernelFirst[1] + static_cast<int32_t>(i1) * a.kernelStep[1];
        for (uint32_t i2 = 0; i2 < phase.taps[2].by; ++i2) {
          const int32_t k2 = phase.kernelFirst[2] + static_cast<int32_t>(i2) * a.kernelStep[2];
          const int64_t tap = (static_cast<int64_t>(k0) * a.window[1] + k1) * a.window[2] + k2;
          const int32_t x2 = first[2] + static_cast<int32_t>(i2) * a.tapStep[2];
          for (int64_t s = 0; s < sources; ++s) {
            const Numbers<kWide> weight = operandAt<kWide>(g, g.b + tap * arguments.filters + column + s);
#pragma unroll
            for (int r = 0; r < kRunPositions; ++r) {
              const int32_t at = x2 + r * a.step[2];
              if (static_cast<uint32_t>(at) >= static_cast<uint32_t>(a.extent[2])) continue;
              const Numbers<kWide> x = operandAt<kWide>(g, g.a + (row + at) * a.channels + source + s);
#pragma unroll
              for (int j = 0; j < kWide; ++j) sums[r].x[j] = ::fmaf(x.x[j], weight.x[j], sums[r].x[j]);
            }
          }
        }
      }
    }
#pragma unroll
    for (int r = 0; r < kRunPositions; ++r) {
      if (q[2] + r >= phase.counts[2].by) break;
      int64_t cell = image;
#pragma unroll
      for (int d = 0; d < kSpatial; ++d) {
        cell = cell * a.dest[d] + phase.destFirst[d] +
               static_cast<int64_t>(q[d] + (d == 2 ? static_cast<uint32_t>(r) : 0)) * a.destStep[d];
      }
      const int64_t element = cell * g.cRow + channel;
#pragma unroll
      for (int j = 0; j < kWide; ++j) sums[r].x[j] = finished(g.finish, 0, sums[r].x[j], channel + j, element + j);
      *reinterpret_cast<Numbers<kWide>*>(g.c + element) = sums[r];
    }
  }
}

// The gradient of the kernel: a warp has 32 neighbours, a block every eighth position of its part for some taps of them. Sums of
// the warps are added in order, those of the parts by gemmParts. The block's number is (part, taps, channels).
template <int kWide>
STEEPEST_INLINE void depthwiseKernelGrad(const DepthwiseArguments& arguments) {
  constexpr int kWarps = kKernelGradThreads / 32;
  __shared__ PatchTap taps[kTapsTogether];
  __shared__ Numbers<kWide> shared[kWarps][32];
  const ConvArguments& a = arguments.conv;
  const GemmArguments& g = a.product;
  const ConvPhase& phase = a.phases[0];
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int64_t columns = (arguments.filters + 32 * kWide - 1) / (32 * kWide);
  const int64_t chunks = (phase.depth + kTapsTogether - 1) / kTapsTogether;
  const int64_t firstTap = blockIdx.x / columns % chunks * kTapsTogether, part = blockIdx.x / columns / chunks;
  const int64_t filter = blockIdx.x % columns * 32 * kWide + lane * kWide;
  const int64_t channel = kWide == 1 ? filter / arguments.multiplier : filter;
  if (static_cast<int>(threadIdx.x) < kTapsTogether) taps[threadIdx.x] = patchTap(a, phase, firstTap + threadIdx.x);
  __syncthreads();

  Numbers<kWide> sums[kTapsTogether] = {};
  if (filter < arguments.filters) {
    const int64_t last = smaller<int64_t>((part + 1) * g.partDepth, phase.positions);
    for (int64_t p = part * g.partDepth + warp; p < last; p += kWarps) {
      const PatchPosition position = patchPosition(a, phase, p);
      const Numbers<kWide> dy = operandAt<kWide>(g, g.b + p * arguments.filters + filter);
#pragma unroll
      for (int t = 0; t < kTapsTogether; ++t) {
        const float* const from = seen(a, g.a + channel, position, taps[t]);
        if (from == nullptr) continue;
        const Numbers<kWide> x = operandAt<kWide>(g, from);
#pragma unroll
        for (int j = 0; j < kWide; ++j) sums[t].x[j] = ::fmaf(x.x[j], dy.x[j], sums[t].x[j]);
      }
    }
  }
#pragma unroll
  for (int t = 0; t < kTapsTogether; ++t) {
    shared[warp][lane] = sums[t];
    __syncthreads();
    if (warp == 0 && filter < arguments.filters && firstTap + t < phase.depth) {
      Numbers<kWide> sum = shared[0][lane];
      for (int w = 1; w < kWarps; ++w) {
#pragma unroll
        for (int j = 0; j < kWide; ++j) sum.x[j] += shared[w][lane].x[j];
      }
      *reinterpret_cast<Numbers<kWide>*>(g.sums + part * g.size + (firstTap + t) * arguments.filters + filter) = sum;
    }
    __syncthreads();
  }
}

}  // namespace

STEEPEST_TILED_KERNEL(STEEPEST_BLOCK, 5, depthwise4, DepthwiseArguments a) { depthwise<ConvKind::kForward, 4>(a); }
STEEPEST_TILED_KERNEL(STEEPEST_BLOCK, 5, depthwise1, DepthwiseArguments a) { depthwise<ConvKind::kForward, 1>(a); }
STEEPEST_TILED_KERNEL(STEEPEST_BLOCK, 5, depthwiseInputGrad4, DepthwiseArguments a) {
  depthwise<ConvKind::kInputGrad, 4>(a);
}
STEEPEST_TILED_KERNEL(STEEPEST_BLOCK, 5, depthwiseInputGrad1, DepthwiseArguments a) {
  depthwise<ConvKind::kInputGrad, 1>(a);
}
STEEPEST_TILED_KERNEL(kKernelGradThreads, 1, depthwiseKernelGrad4, DepthwiseArguments a) { depthwiseKernelGrad<4>(a); }
STEEPEST_TILED_KERNEL(kKernelGradThreads, 1, depthwiseKernelGrad1, DepthwiseArguments a) { depthwiseKernelGrad<1>(a); }

}  // namespace steepest::cuda
