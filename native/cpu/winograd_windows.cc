#include "winograd_windows.h"

#include <algorithm>

namespace steepest {
namespace {

constexpr int64_t kMostPhases = 1024;  // of a dilated convolution; each is cut into tiles of its own

// Positions first, first + destStep, ... of an axis, and the windows that they see.
struct AxisPhase {
  int64_t first, count;
  std::vector<AxisWindow> windows;
};

int64_t distanceOf(const PatchAxis& axis) { return axis.size() > 1 ? axis.offsets[1] - axis.offsets[0] : 1; }

bool isEven(const PatchAxis& axis) {
  const int64_t distance = distanceOf(axis);
  if (axis.size() == 0 || axis.offsets.back() - axis.offsets.front() != distance * (axis.size() - 1)) return false;
  return axis.count >= (axis.stride == 1 ? distance : 1) && (distance == 1 || (axis.stride == 1 && axis.step == 1));
}

// Of the positions from number `first` on.
std::vector<AxisWindow> windowsOf(const PatchAxis& axis, int64_t first, int64_t taps) {
  const int64_t step = sourceStepOf(axis), next = step / distanceOf(axis);  // taps see neighbours
  std::vector<AxisWindow> windows;
  for (int64_t begin = 0; begin < std::min(next, axis.size()); ++begin) {
    for (int64_t tap = begin; tap < axis.size(); tap += taps * next) {
      const int64_t at = first * axis.stride + axis.offsets[static_cast<size_t>(tap)];
      const int64_t phase = (at % step + step) % step;
      AxisWindow window{phase, (at - phase) / step, {}};
      for (int64_t t = 0; t < taps; ++t) window.taps[t] = tap + t * next < axis.size() ? tap + t * next : -1;
      windows.push_back(window);
    }
  }
  return windows;
}

std::vector<AxisPhase> phasesOf(const PatchAxis& axis, int64_t taps) {
  const int64_t count = axis.stride == 1 ? distanceOf(axis) : 1;
  std::vector<AxisPhase> phases;
  for (int64_t i = 0; i < count; ++i)
    phases.push_back({axis.first + i, (axis.count - i + count - 1) / count, windowsOf(axis, i, taps)});
  return phases;
}

}  // namespace

int64_t sourceStepOf(const PatchAxis& axis) { return axis.stride > 1 ? axis.stride : distanceOf(axis); }

int64_t destStepOf(const PatchAxis& axis) { return axis.stride > 1 ? 1 : axis.step * distanceOf(axis); }

bool hasWindows(const ConvProblem& problem) {
  for (int64_t i = 0; i < problem.phases(); ++i) {
    const PatchGrid grid = problem.grid(i);
    const PatchAxis& outer = *grid.axes[0];
    if (outer.size() == 0 || outer.first != 0 || outer.count != problem.dest[0]) return false;
    const PatchAxis &y = *grid.axes[1], &x = *grid.axes[2];
    if (!isEven(y) || !isEven(x)) return false;
    if (distanceOf(y) > kMostPhases || distanceOf(x) > kMostPhases / distanceOf(y)) return false;
  }
  return true;
}

std::vector<WindowPhase> windowPhases(const ConvProblem& problem, const WinogradKernels& kernels) {
  std::vector<WindowPhase> phases;
  for (int64_t i = 0; i < problem.phases(); ++i) {
    const PatchGrid grid = problem.grid(i);
    for (const AxisPhase& y : phasesOf(*grid.axes[1], kernels.tapsDown())) {
      for (const AxisPhase& x : phasesOf(*grid.axes[2], kernels.tapsAcross())) {
        phases.push_back({i, Windows(grid, kernels, y.windows, x.windows), y.first, x.first, y.count, x.count});
      }
    }
  }
  return phases;
}

}  // namespace steepest
