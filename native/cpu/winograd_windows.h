// How convolutions become some of 3x3 and of stride 1 for minimal filtering.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "conv_problem.h"

namespace steepest {

// Three taps of an axis, or fewer, that see neighbours among the pixels that are `phase` modulo `sourceStep`: position number j
// of its phase sees those from number j + begin on.
struct AxisWindow {
  int64_t phase, begin;
  int64_t taps[3];  // -1: none
};

// Pixels that a tap sees from neighbouring positions of a phase are so far apart, and so are those positions.
int64_t sourceStepOf(const PatchAxis& axis);
int64_t destStepOf(const PatchAxis& axis);

// Windows of an image. Each sees a source of its own, as if they were more channels: the results of all are added before they are
// transformed back.
class Windows {
 public:
  Windows(std::vector<AxisWindow> down, std::vector<AxisWindow> across, int64_t width)
      : down_(std::move(down)), across_(std::move(across)), width_(width) {}

  int64_t count() const { return static_cast<int64_t>(down_.size() * across_.size()); }
  const AxisWindow& y(int64_t window) const { return down_[static_cast<size_t>(window) / across_.size()]; }
  const AxisWindow& x(int64_t window) const { return across_[static_cast<size_t>(window) % across_.size()]; }
  // Of the grid, or -1 where there is none.
  int64_t tap(int64_t window, int64_t t) const {
    const int64_t i = y(window).taps[t / 3], j = x(window).taps[t % 3];
    return i < 0 || j < 0 ? -1 : i * width_ + j;
  }

 private:
  std::vector<AxisWindow> down_, across_;
  int64_t width_;  // of the grid, in taps
};

// Positions that see windows alike: those of a phase of a strided convolution's gradient, or of a dilated convolution.
struct WindowPhase {
  int64_t grid;  // of the problem, whose taps they are
  Windows windows;
  int64_t y, x;           // of the first position
  int64_t height, width;  // how many there are
};

// Whether positions see equally distant pixels of images (with a distance where they do not step), in not too many phases.
bool hasWindows(const ConvProblem& problem);
std::vector<WindowPhase> windowPhases(const ConvProblem& problem);

}  // namespace steepest
