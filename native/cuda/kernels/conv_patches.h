// The tiles of a convolution: patches of the source, gathered by the threads that bring them to shared memory.
#pragma once

#include "conv.h"
#include "divide.h"
#include "gemm_loop.h"

namespace steepest::cuda {

// Coordinates are far smaller, so that a sum with it is outside of the source.
constexpr int32_t kNowhere = -(1 << 30);

// A position: the cell that it sees with the first tap. Numbers of cells wrap around where there is none.
struct PatchPosition {
  int32_t at[kSpatial];
  uint32_t cell;
};

// A tap and a channel: how far the tap is from the first one.
struct PatchTap {
  int32_t at[kSpatial];
  uint32_t cell;
  int32_t channel;
  int32_t inKernel;  // number of the tap in the kernel, or -1 behind the last one
};

STEEPEST_INLINE uint32_t cellAt(const ConvArguments& a, const int32_t* at, uint32_t image) {
  uint32_t cell = image;
#pragma unroll
  for (int d = 0; d < kSpatial; ++d) cell = cell * static_cast<uint32_t>(a.extent[d]) + static_cast<uint32_t>(at[d]);
  return cell;
}

// The coordinates of a position, and its image.
STEEPEST_INLINE uint32_t unravelPosition(const ConvPhase& phase, uint32_t position, uint32_t* q) {
#pragma unroll
  for (int d = kSpatial - 1; d >= 0; --d) position = divide(position, phase.counts[d], q + d);
  return position;
}

STEEPEST_INLINE PatchPosition patchPosition(const ConvArguments& a, const ConvPhase& phase, int64_t index) {
  const auto position = static_cast<uint32_t>(index);
  uint32_t q[kSpatial];
  const uint32_t image = unravelPosition(phase, position, q);
  PatchPosition p;
#pragma unroll
  for (int d = 0; d < kSpatial; ++d) p.at[d] = static_cast<int32_t>(q[d]) * a.step[d] + phase.first[d];
  p.cell = cellAt(a, p.at, image);
  if (position >= static_cast<uint32_t>(phase.positions)) p.at[0] = kNowhere;
  return p;
}

STEEPEST_INLINE PatchTap patchTap(const ConvArguments& a, const ConvPhase& phase, int64_t index) {
  const auto depth = static_cast<uint32_t>(index);
  uint32_t channel, i[kSpatial];
  uint32_t tap = divide(depth, a.width, &channel);
#pragma unroll
  for (int d = kSpatial - 1; d > 0; --d) tap = divide(tap, phase.taps[d], i + d);
  i[0] = tap;
  PatchTap p;
  int32_t inKernel = 0;
#pragma unroll
  for (int d = 0; d < kSpatial; ++d) {
    p.at[d] = static_cast<int32_t>(i[d]) * a.tapStep[d];
    inKernel = inKernel * a.window[d] + phase.kernelFirst[d] + static_cast<int32_t>(i[d]) * a.kernelStep[d];
  }
  p.cell = cellAt(a, p.at, 0);
  p.channel = static_cast<int32_t>(channel);
  p.inKernel = inKernel;
  if (depth >= static_cast<uint32_t>(phase.depth)) {
    p.at[0] = kNowhere;
    p.inKernel = -1;
  }
  return p;
}

// Where the source has the channel that a tap sees from a position; null outside of it.
STEEPEST_INLINE const float* seen(const ConvArguments& a, const float* source, const PatchPosition& p,
                                  const PatchTap& t) {
  bool inside = true;
#pragma unroll
  for (int d = 0; d < kSpatial; ++d) {
    inside = inside && static_cast<uint32_t>(p.at[d] + t.at[d]) < static_cast<uint32_t>(a.extent[d]);
  }
  return inside ? source + static_cast<int64_t>(p.cell + t.cell) * a.channels + t.channel : nullptr;
}

STEEPEST_INLINE Quad quadAt(const float* p) { return p != nullptr ? *reinterpret_cast<const Quad*>(p) : Quad{}; }
STEEPEST_INLINE float numberAt(const float* p) { return p != nullptr ? *p : 0; }

// What a thread brings: its quads have one depth, or one row when they lie along the other axis. kWhole: all channels of a quad
// belong to one tap, and it lies at a multiple of 16 bytes; `at` makes one quad of f(index) for each neighbour otherwise.
template <bool kWhole, typename Index, typename Staged, typename F>
STEEPEST_INLINE void gatherQuads(Staged& staged, const Index* indices, F pointer) {
#pragma unroll
  for (int i = 0; i < Staged::kEach; ++i) {
    if (!Staged::has(i)) break;
    if (kWhole) {
      staged.quads[i] = quadAt(pointer(i, indices[0]));
    } else {
#pragma unroll
      for (int j = 0; j < 4; ++j) staged.quads[i].x[j] = numberAt(pointer(i, indices[j]));
    }
  }
}

// The tile of a block, in the phase and group that its batch is.
template <ConvKind kKind>
struct ConvTile : GemmTile {
  const ConvArguments& arguments;
  const ConvPhase& phase;
  int32_t group;

  STEEPEST_INLINE ConvTile(const ConvArguments& a, int64_t block, int64_t rows, int64_t columns)
      : GemmTile(a.product, block, rows, columns),
        arguments(a),
        phase(a.phases[kKind == ConvKind::kInputGrad ? batch / a.groups : 0]),
        group(static_cast<int32_t>(batch % a.groups)) {
    if (kKind == ConvKind::kInputGrad) lastDepth = smaller<int64_t>(lastDepth, phase.depth);
  }

  STEEPEST_INLINE int64_t rows() const { return kKind == ConvKind::kInputGrad ? phase.positions : arguments.product.m; }
  STEEPEST_INLINE bool contains(const GemmArguments& g, const Place& at) const {
    return row + at.row < rows() && column + at.column < g.n;
  }
  STEEPEST_INLINE int64_t columnOf(const GemmArguments& g, const Place& at) const {
    return group * g.n + column + at.column;
  }
  STEEPEST_INLINE int64_t elementOf(const GemmArguments& g, const Place& at) const {
    int64_t cell = row + at.row;
    if (kKind == ConvKind::kInputGrad) {
      uint32_t q[kSpatial];
      uint32_t number = unravelPosition(phase, static_cast<uint32_t>(cell), q);
#pragma unroll
      for (int d = 0; d < kSpatial; ++d) {
        number = number * static_cast<uint32_t>(arguments.dest[d]) + static_cast<uint32_t>(phase.destFirst[d]) +
                 q[d] * static_cast<uint32_t>(arguments.destStep[d]);
      }
      cell = number;
    }
    return cell * g.cRow + columnOf(g, at);
  }
};

// kWhole: see gatherQuads.
template <ConvKind kKind, bool kWhole, typename Tile>
STEEPEST_INLINE void convolve(const ConvArguments& a, Tile& product) {
  using A = typename Tile::StagedA;
  using B = typename Tile::StagedB;
  constexpr int kIndices = kWhole ? 1 : 4;
  const GemmArguments& g = a.product;
  const ConvTile<kKind> tile(a, blockIdx.x, Tile::kRows, Tile::kColumns);
  if (tile.row >= tile.rows()) return;
  const ConvPhase& phase = tile.phase;
  const float* const source = g.a + static_cast<int64_t>(tile.group) * a.width.by;

  if constexpr (kKind == ConvKind::kKernelGrad) {
    const float* const dy = g.b + tile.group * g.n;
    PatchTap taps[kIndices];
#pragma unroll
    for (int j = 0; j < kIndices; ++j) taps[j] = patchTap(a, phase, tile.row + A::row(0) + j);
    sumProducts(product, tile.firstDepth, tile.lastDepth, [&](int64_t depth, A& nextA, B& nextB) {
      PatchPosition positions[A::kEach];
#pragma unroll
      for (int i = 0; i < A::kEach; ++i) positions[i] = patchPosition(a, phase, depth + A::depth(i));
      gatherQuads<kWhole>(nextA, taps, [&](int i, const PatchTap& tap) { return seen(a, source, positions[i], tap); });
      nextB.load(dy, g.bDepth, tile.column, g.n, depth, tile.lastDepth, g.bQuads != 0);
    });
  } else {
    PatchPosition positions[A::kEach];
#pragma unroll
    for (int i = 0; i < A::kEach; ++i) positions[i] = patchPosition(a, phase, tile.row + A::row(i));
    // In the gradient, filters are neighbours along k in the kernel as well: [tap, channel, filter].
    const float* const kernel = g.b + tile.group * (kKind == ConvKind::kForward ? g.n : int64_t{a.width.by});
    sumProducts(product, tile.firstDepth, tile.lastDepth, [&](int64_t depth, A& nextA, B& nextB) {
      PatchTap taps[kIndices];
#pragma unroll
      for (int j = 0; j < kIndices; ++j) taps[j] = patchTap(a, phase, depth + A::depth(0) + j);
      gatherQuads<kWhole>(nextA, taps, [&](int i, const PatchTap& tap) { return seen(a, source, positions[i], tap); });
      if constexpr (kKind == ConvKind::kForward) {
        nextB.load(kernel, g.bDepth, tile.column, g.n, depth, tile.lastDepth, g.bQuads != 0);
      } else {
        static_assert(A::kAlongK && B::kAlongK, "a thread's quads of a and b have the same depth");
        gatherQuads<kWhole>(nextB, taps, [&](int i, const PatchTap& tap) {
          const int64_t channel = tile.column + B::row(i);
          if (channel >= g.n || tap.inKernel < 0) return static_cast<const float*>(nullptr);
          return kernel + (tap.inKernel * g.n + channel) * a.channels + tap.channel;
        });
      }
    });
  }
  finishProduct(g, 0, tile, product);
}

}  // namespace steepest::cuda
