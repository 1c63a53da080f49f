// How convolutions become some of 3x3, 1x3 or 3x1 and of stride 1 for minimal filtering.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "conv_problem.h"
#include "winograd_kernels.h"

namespace steepest {

// Three taps of an axis, or fewer (one where nothing is filtered along it), that see neighbours among the pixels that are `phase`
// modulo `sourceStep`: position number j of its phase sees those from number j + begin on.
struct AxisWindow {
  int64_t phase, begin;
  int64_t taps[3];  // -1: none
};

// Pixels that a tap sees from neighbouring positions of a phase are so far apart, and so are those positions.
int64_t sourceStepOf(const PatchAxis& axis);
int64_t destStepOf(const PatchAxis& axis);

// Windows of an image. Each sees a source of its own, as if they were more channels: the results of all are added before they are
// transformed back. In a volume they are those of all its planes that a tap of the first axis sees.
class Windows {
 public:
  Windows(const PatchGrid& grid, const WinogradKernels& kernels, std::vector<AxisWindow> down,
          std::vector<AxisWindow> across)
      : planes_(grid.axes[0]->offsets),
        down_(std::move(down)),
        across_(std::move(across)),
        height_(grid.axes[1]->size()),
        width_(grid.axes[2]->size()),
        tapsAcross_(kernels.tapsAcross()) {}

  int64_t count() const { return static_cast<int64_t>(planes_.size()) * ofPlane(); }
  // How far the plane of the source is from that of the position.
  int64_t plane(int64_t window) const { return planes_[static_cast<size_t>(window / ofPlane())]; }
  const AxisWindow& y(int64_t window) const { return down_[static_cast<size_t>(window % ofPlane()) / across_.size()]; }
  const AxisWindow& x(int64_t window) const { return across_[static_cast<size_t>(window) % across_.size()]; }
  // Of the grid, or -1 where there is none.
  int64_t tap(int64_t window, int64_t t) const {
    const int64_t i = y(window).taps[t / tapsAcross_], j = x(window).taps[t % tapsAcross_];
    return i < 0 || j < 0 ? -1 : (window / ofPlane() * height_ + i) * width_ + j;
  }

 private:
  int64_t ofPlane() const { return static_cast<int64_t>(down_.size() * across_.size()); }

  std::vector<int64_t> planes_;
  std::vector<AxisWindow> down_, across_;
  int64_t height_, width_;  // of the grid, in taps
  int64_t tapsAcross_;      // of a window
};

// Positions that see windows alike: those of a phase of a strided convolution's gradient, or of a dilated convolution.
struct WindowPhase {
  int64_t grid;  // of the problem, whose taps they are
  Windows windows;
  int64_t y, x;           // of the first position
  int64_t height, width;  // how many there are
};

// Whether positions see equally distant pixels of images (with a distance where they do not step), in not too many phases, and every
// plane of a volume sees others alike.
bool hasWindows(const ConvProblem& problem);
// For these transforms.
std::vector<WindowPhase> windowPhases(const ConvProblem& problem, const WinogradKernels& kernels);

}  // namespace steepest
