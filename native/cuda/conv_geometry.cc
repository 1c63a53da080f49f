#include "conv_geometry.h"

#include <algorithm>
#include <numeric>

#include "windows.h"

namespace steepest::cuda {
namespace {

constexpr int64_t kMost = int64_t{1} << 29;  // coordinates

bool fits(const ConvAxis& a) {
  return std::max({a.step, a.tapStep, a.extent, std::abs(a.kernelStep), a.destStep, a.dest}) < kMost &&
         std::all_of(
             a.phases.begin(), a.phases.end(),
             [&a](const ConvAxis::Phase& p) {
               return p.count < kMost && p.taps < kMost && std::abs(p.first) < kMost && p.count * a.step < kMost &&
                      p.taps * a.tapStep < kMost;
             });
}

// Positions see x.
ConvAxis windowAxis(const Windows& w, int d) {
  return {w.stride[d], w.dilation[d], w.x[d], 1, 1, w.y[d], {{w.y[d], w.window[d], -w.padding[d], 0, 0}}};
}

// Cells of x see y: cell r + q stride by tap t of the kernel the position q + (r + padding - t dilation) / stride, where it
// divides. The last of those taps sees the first position.
ConvAxis adjointAxis(const Windows& w, int d) {
  const int64_t stride = w.stride[d], dilation = w.dilation[d], common = std::gcd(stride, dilation);
  const int64_t every = stride / common;  // taps of a residue are so far from each other
  ConvAxis axis{1, dilation / common, w.y[d], -every, stride, w.x[d], {}};
  for (int64_t r = 0; r < std::min(stride, w.x[d]); ++r) {
    const int64_t at = r + w.padding[d];
    int64_t tap = 0;
    while (tap < every && (at - tap * dilation) % stride != 0) ++tap;
    const bool any = tap < every && tap < w.window[d];
    const int64_t taps = any ? (w.window[d] - 1 - tap) / every + 1 : 0, last = any ? tap + (taps - 1) * every : 0;
    axis.phases.push_back(
        {(w.x[d] - r + stride - 1) / stride, taps, any ? (at - last * dilation) / stride : 0, last, r});
  }
  return axis;
}

ConvPhase phaseOf(const ConvAxis::Phase* const* axes, int64_t images, int64_t width) {
  ConvPhase phase{};
  int64_t positions = images, taps = 1;
  for (int d = 0; d < kSpatial; ++d) {
    const ConvAxis::Phase& p = *axes[d];
    positions *= p.count;
    taps *= p.taps;
    phase.first[d] = static_cast<int32_t>(p.first);
    phase.kernelFirst[d] = static_cast<int32_t>(p.kernelFirst);
    phase.destFirst[d] = static_cast<int32_t>(p.destFirst);
    phase.counts[d] = divisorOf(std::max<int64_t>(p.count, 1));
    phase.taps[d] = divisorOf(std::max<int64_t>(p.taps, 1));
  }
  phase.positions = static_cast<int32_t>(positions);
  phase.depth = static_cast<int32_t>(taps * width);
  return phase;
}

}  // namespace

ConvGeometry::ConvGeometry(ConvKind kind, const Windows& w) : images(w.images) {
  const bool adjoint = kind == ConvKind::kInputGrad;
  for (int d = 0; d < kSpatial; ++d) axes[d] = adjoint ? adjointAxis(w, d) : windowAxis(w, d);
  cells = w.images * volume(adjoint ? w.y : w.x);
  dests = w.images * volume(adjoint ? w.x : w.y);
  std::copy(w.window, w.window + kSpatial, window);
}

bool ConvGeometry::fits(int64_t width) const {
  return std::max({cells, dests, volume(window) * width}) < 2 * kMost &&
         std::all_of(axes, axes + kSpatial, [](const ConvAxis& a) { return cuda::fits(a); });
}

std::vector<ConvPhase> ConvGeometry::phases(int64_t width) const {
  std::vector<ConvPhase> phases;
  for (const ConvAxis::Phase& i : axes[0].phases) {
    for (const ConvAxis::Phase& j : axes[1].phases) {
      for (const ConvAxis::Phase& k : axes[2].phases) {
        const ConvAxis::Phase* const all[] = {&i, &j, &k};
        phases.push_back(phaseOf(all, images, width));
      }
    }
  }
  return phases;
}

void ConvGeometry::describe(int64_t width, ConvArguments* arguments) const {
  arguments->width = divisorOf(width);
  for (int d = 0; d < kSpatial; ++d) {
    arguments->step[d] = static_cast<int32_t>(axes[d].step);
    arguments->tapStep[d] = static_cast<int32_t>(axes[d].tapStep);
    arguments->extent[d] = static_cast<int32_t>(axes[d].extent);
    arguments->kernelStep[d] = static_cast<int32_t>(axes[d].kernelStep);
    arguments->window[d] = static_cast<int32_t>(window[d]);
    arguments->destStep[d] = static_cast<int32_t>(axes[d].destStep);
    arguments->dest[d] = static_cast<int32_t>(axes[d].dest);
  }
}

}  // namespace steepest::cuda
