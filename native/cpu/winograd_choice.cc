#include "winograd_choice.h"

#include <algorithm>

#include "gemm.h"
#include "simd/table.h"
#include "winograd.h"
#include "winograd_tiling.h"
#include "winograd_windows.h"

namespace steepest {
namespace {

constexpr int64_t kMinChannels = 12;  // fewer do not pay for the transforms
constexpr int64_t kMinOfAxis = 24;    // nor do these along one axis, which halves the products only
constexpr int64_t kMinResults = 256;  // nor do fewer results for that of the kernel
// Of other windows than one of 3x3 in images, in quarters: so many times fewer multiplications, and where pairs of bfloat16 numbers are
// multiplied at once.
constexpr int64_t kLeastGain = 6, kLeastGainOverPairs = 9;
// A point of the kernel is written and read: as long as so many multiplications take. With that it has to gain a fifth.
constexpr int64_t kKernelCost = 40;
constexpr int64_t kLargeResults = 1024, kLeastProducts = 48;  // for large tiles, see kernelsFor

int64_t planesOf(const ConvProblem& problem) { return problem.images * problem.dest[0]; }
int64_t resultsOf(const ConvProblem& problem) { return planesOf(problem) * problem.dest[1] * problem.dest[2]; }

// Multiplications of a pair of channels: a large tile needs fewer for each result, but its last row and column may be filled
// with what nobody wants.
int64_t costOf(const ConvProblem& problem, const WinogradKernels& kernels) {
  int64_t cost = 0;
  for (const WindowPhase& phase : windowPhases(problem, kernels)) {
    const int64_t tiles = ceilDiv(phase.height, kernels.height) * ceilDiv(phase.width, kernels.width);
    cost += planesOf(problem) * tiles * kernels.points() * phase.windows.count();
  }
  return cost;
}
int64_t kernelCostOf(const ConvProblem& problem, const WinogradKernels& kernels) {
  int64_t windows = 0, grid = -1;
  for (const WindowPhase& phase : windowPhases(problem, kernels)) {
    if (phase.grid > grid) windows += phase.windows.count();
    grid = phase.grid;
  }
  return kKernelCost * kernels.points() * windows;
}
// The same without minimal filtering.
int64_t plainCostOf(const ConvProblem& problem) {
  int64_t cost = 0;
  for (int64_t i = 0; i < problem.phases(); ++i) {
    const PatchGrid grid = problem.grid(i);
    cost += grid.positions() * grid.tapRows() * grid.axes[2]->size();
  }
  return cost;
}

// The fewest taps that a position sees, and positions that see a tap.
int64_t fewestTaps(const PatchAxis& axis) {
  const auto seen = [&axis](int64_t position) {
    const auto [first, end] = axis.seen(position);
    return end - first;
  };
  return std::min(seen(0), seen(axis.count - 1));
}
int64_t fewestPositions(const PatchAxis& axis) {
  int64_t least = axis.count;
  for (int64_t t = 0; t < axis.size(); ++t) {
    const int64_t offset = axis.offsets[static_cast<size_t>(t)];
    const int64_t first = ceilDiv(std::max<int64_t>(0, -offset), axis.stride);
    const int64_t end = std::min(axis.count, ceilDiv(std::max<int64_t>(0, axis.extent - offset), axis.stride));
    least = std::min(least, std::max<int64_t>(0, end - first));
  }
  return least;
}

// Filtering along an axis gains for so many taps.
bool filters(const PatchAxis& axis, bool dense) { return axis.size() >= (dense ? 3 : 2); }

// Large tiles where they are cheaper and much is to be done: their error is two to three times as large, that of a sum over a
// whole tile. So results of fewer products than kLeastProducts, at corners that see little but padding, are exacter than that.
//
// The cheapest way, or null when nothing can be filtered.
const WinogradKernels* kernelsFor(const ConvProblem& problem, int64_t fewestProducts) {
  const PatchGrid grid = problem.grid(0);
  const bool down = filters(*grid.axes[1], problem.dense()), across = filters(*grid.axes[2], problem.dense());
  const bool large = resultsOf(problem) >= kLargeResults && fewestProducts >= kLeastProducts;
  const WinogradKernels* best = nullptr;
  int64_t least = 0;
  for (int i = 0; i < kWinogradKinds; ++i) {
    const WinogradKernels& kernels = simd().winograd[i];
    if (kernels.isLarge() && !large) continue;
    if ((kernels.height > 1 && !down) || (kernels.width > 1 && !across)) continue;
    const int64_t cost = costOf(problem, kernels);
    if (best && cost >= least) continue;
    best = &kernels;
    least = cost;
  }
  return best;
}

const WinogradKernels* forwardKernels(const ConvProblem& problem) {
  int64_t fewest = resultsOf(problem);
  for (int64_t i = 0; i < problem.phases(); ++i) {
    const PatchGrid grid = problem.grid(i);
    fewest = std::min(fewest, fewestTaps(*grid.axes[0]) * fewestTaps(*grid.axes[1]) * fewestTaps(*grid.axes[2]));
  }
  return kernelsFor(problem, problem.width * fewest);
}

const WinogradKernels* gradKernels(const ConvProblem& problem) {
  const PatchGrid grid = problem.grid(0);
  int64_t fewest = grid.images;
  for (const PatchAxis* axis : grid.axes) fewest *= fewestPositions(*axis);
  return kernelsFor(problem, fewest);
}

bool suits(const ConvProblem& problem, bool rounds, const WinogradKernels* (*kernelsOf)(const ConvProblem&)) {
  if (problem.width < kMinChannels || problem.columns < kMinChannels || resultsOf(problem) < kMinResults) return false;
  if (!hasWindows(problem)) return false;
  const WinogradKernels* const kernels = kernelsOf(problem);
  if (!kernels) return false;
  if (kernels->taps() < kWinogradTaps && std::min(problem.width, problem.columns) < kMinOfAxis) return false;
  const std::vector<WindowPhase> phases = windowPhases(problem, *kernels);
  if (kernels->taps() == kWinogradTaps && phases.size() == 1 && phases[0].windows.count() == 1) return true;
  const GemmKernels& direct = rounds ? *simd().gemmBf16 : *simd().gemm;
  if (direct.blockElements > 0) return false;  // tiles of matrices, which are much faster still
  const int64_t gain = direct.pair == 2 ? kLeastGainOverPairs : kLeastGain;
  const int64_t plain = plainCostOf(problem), cost = costOf(problem, *kernels);
  return plain * 4 >= cost * gain && plain * 5 >= (cost + kernelCostOf(problem, *kernels)) * 6;
}

}  // namespace

const WinogradKernels& winogradKernelsFor(const ConvProblem& problem) { return *forwardKernels(problem); }
const WinogradKernels& winogradGradKernelsFor(const ConvProblem& problem) { return *gradKernels(problem); }

bool suitsWinograd(const ConvProblem& problem, bool rounds) { return suits(problem, rounds, forwardKernels); }
bool suitsWinogradKernelGrad(const ConvProblem& problem, bool rounds) { return suits(problem, rounds, gradKernels); }

}  // namespace steepest
