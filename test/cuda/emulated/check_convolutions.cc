// The same as check_products.cc for a convolution by one of the kernels that are made of conv_wgmma.cu.
#include "check_products.h"

#include "../../../native/cuda/conv_geometry.h"
#include "cuda.h"
#include "../../../native/cuda/kernels/conv_patches.h"
#include "../../../native/cuda/kernels/conv_wgmma.h"

using namespace steepest::cuda;

namespace {

// Where the source has channel c of the cell, in numbers from its first one; -1: outside.
int64_t placeOf(const Windows& w, bool adjoint, int64_t image, const int64_t* at, const int64_t* tap, int64_t channels, int64_t c) {
  int64_t cell = image;
  for (int d = 0; d < kSpatial; ++d) {
    const int64_t extent = adjoint ? w.y[d] : w.x[d];
    int64_t seen = adjoint ? at[d] + w.padding[d] - tap[d] * w.dilation[d] : at[d] * w.stride[d] + tap[d] * w.dilation[d] - w.padding[d];
    if (adjoint && (seen < 0 || seen % w.stride[d] != 0)) return -1;
    if (adjoint) seen /= w.stride[d];
    if (seen < 0 || seen >= extent) return -1;
    cell = cell * extent + seen;
  }
  return cell * channels + c;
}

int64_t wrongPlacesOf(const Windows& w, ConvKind kind, int64_t channels) {
  const bool adjoint = kind == ConvKind::kInputGrad;
  const ConvGeometry geometry(kind, w);
  if (!geometry.fits(channels)) return -1;
  ConvArguments a{};
  geometry.describe(channels, &a);
  a.channels = channels;
  a.width = divisorOf(channels);
  int64_t wrong = 0;
  uint32_t state = 1;
  const auto* const source = reinterpret_cast<const float*>(uintptr_t{1} << 44);
  for (const ConvPhase& phase : geometry.phases(channels)) {
    if (phase.depth == 0) continue;
    for (int turn = 0; turn < 4000; ++turn) {
      state = state * 1664525u + 1013904223u;
      const int64_t edge = turn / 3 % 7;  // the first ones, the last ones, and some between
      const int64_t p = turn % 3 == 0 ? edge : turn % 3 == 1 ? phase.positions - 1 - edge : state % static_cast<uint32_t>(phase.positions);
      const int64_t depth = turn % 2 == 0 ? phase.depth - 1 - turn % phase.depth : turn % phase.depth;
      int64_t at[kSpatial], tap[kSpatial], left = p, taps = depth / channels;
      for (int d = kSpatial - 1; d >= 0; --d) {
        at[d] = left % phase.counts[d].by * (adjoint ? w.stride[d] : 1) + phase.destFirst[d];
        left /= phase.counts[d].by;
        tap[d] = phase.kernelFirst[d] + taps % phase.taps[d].by * a.kernelStep[d];
        taps /= phase.taps[d].by;
      }
      const float* const got = seen(a, source, patchPosition(a, phase, p), patchTap(a, phase, depth));
      const int64_t expected = placeOf(w, adjoint, left, at, tap, channels, depth % channels);
      wrong += (got == nullptr ? -1 : got - source) != expected;
    }
    if (seen(a, source, patchPosition(a, phase, phase.positions), patchTap(a, phase, 0)) != nullptr) ++wrong;
    if (seen(a, source, patchPosition(a, phase, 0), patchTap(a, phase, phase.depth)) != nullptr) ++wrong;
  }
  return wrong;
}

}  // namespace

int64_t wrongPlaces() {
  int64_t wrong = 0;
  // images of 3 10^8 cells; channels, so that numbers go far beyond 32 bits
  const Windows tall{3, {1, 16384, 21000}, {1, 8192, 21000}, {1, 3, 3}, {1, 2, 1}, {1, 2, 3}, {0, 1, 3}};
  const Windows line{1, {1, 1, 500000000}, {1, 1, 166666667}, {1, 1, 4}, {1, 1, 3}, {1, 1, 2}, {0, 0, 2}};
  const Windows deep{900, {99, 100, 101}, {50, 34, 101}, {2, 3, 1}, {2, 3, 1}, {1, 1, 1}, {0, 1, 0}};
  for (const Windows* const w : {&tall, &line, &deep}) {
    for (const ConvKind kind : {ConvKind::kForward, ConvKind::kInputGrad, ConvKind::kKernelGrad}) {
      const int64_t found = wrongPlacesOf(*w, kind, 48);
      wrong += found < 0 ? 1000000 : found;
    }
  }
  return wrong;
}

double checkConvolution(const Checked& checked) {
  // Two tiles of positions, the second of which begins inside of a row; a tap's channels are more than one group.
  constexpr int64_t images = 3, height = 9, width = 14, channels = 72, filters = 128, rows = 3, columns = 2;
  Windows windows{images, {1, height, width}, {1, 9, 7}, {1, rows, columns}, {1, 1, 2}, {1, 1, 1}, {0, 1, 0}};
  constexpr int64_t positions = images * 9 * 7, padded = 128;
  const std::vector<uint16_t> x = drawNumbers(images * height * width * channels),
                              kernel = drawNumbers(rows * columns * filters * channels);

  ConvWgmmaArguments arguments{};
  const ConvGeometry geometry(ConvKind::kForward, windows);
  geometry.describe(padded, &arguments.conv);
  arguments.conv.phases[0] = geometry.phases(padded)[0];
  arguments.conv.groups = 1;
  arguments.whole = channels;
  arguments.axes = 2;
  alignas(64) TensorMap map{};
  const uint64_t shape[] = {channels, width, height, images};
  const uint64_t strides[] = {channels * 2, width * channels * 2, height * width * channels * 2};
  const int lower[] = {0, -1}, upper[] = {12 - 13, 7 - 8};
  const uint32_t steps[] = {1, 2, 1, 1};
  cuTensorMapEncodeIm2col(&map, kTensorBfloat16, 4, reinterpret_cast<void*>(checked.onDevice(x)), shape, strides, lower,
                          upper, 64, 128, steps, 0, kTensorSwizzle128, kTensorPromote256, 0);
  arguments.source[0] = map;
  arguments.other = describeBoxes(checked.onDevice(kernel), channels, filters, rows * columns, 128);

  GemmArguments& g = arguments.conv.product;
  g.m = positions;
  g.n = g.cRow = filters;
  g.k = g.partDepth = rows * columns * padded;
  g.size = positions * filters;
  const std::vector<float> y = checked.run(arguments, &g);
  return errorOf(y, [&](int64_t i) {
    const int64_t filter = i % filters, position = i / filters, qx = position % 7, qy = position / 7 % 9;
    double sum = 0;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t s = 0; s < columns; ++s) {
        const int64_t cellX = qx * 2 + s, cellY = qy - 1 + r;
        if (cellX >= width || cellY < 0 || cellY >= height) continue;
        const uint16_t* const cell = &x[((position / 63 * height + cellY) * width + cellX) * channels];
        sum += dot(cell, &kernel[((r * columns + s) * filters + filter) * channels], channels);
      }
    }
    return sum;
  });
}
