#include "conv_problem.h"

#include <algorithm>

namespace steepest {
namespace {

constexpr int kFirstWord = 1;          // after the epilogue's
constexpr int64_t kGroupColumns = 16;  // fewer leave lanes empty, and minimal filtering needs twelve

int64_t mergedGroups(int64_t groups, int64_t width, int64_t columns) {
  if (width == 1 && columns == 1) return 1;
  int64_t merged = 1;
  while (merged < groups && (merged * columns < kGroupColumns || groups % merged != 0)) ++merged;
  return merged;
}

// `count` axes end `after` axes before the view does.
void sizesOf(const View& v, int count, int after, int64_t* sizes) {
  for (int a = 0; a < 3; ++a) {
    const int axis = v.rank - after - 3 + a;
    sizes[a] = a >= 3 - count ? v.shape[axis] : 1;
  }
}

}  // namespace

ConvGeometry::ConvGeometry(const Instruction& instruction) {
  const uint32_t* words = instruction.attrs.data() + kFirstWord;
  for (int a = 0; a < 3; ++a) {
    stride[a] = words[a];
    dilation[a] = words[3 + a];
    padding[a] = words[6 + a];
  }
  groups = words[9];
}

void spatialOf(const View& pixels, int64_t* sizes) { sizesOf(pixels, pixels.rank - 2, 1, sizes); }
void windowOf(const View& kernel, int64_t* sizes) { sizesOf(kernel, kernel.rank - 2, 2, sizes); }

ConvProblem::ConvProblem(const ConvGeometry& geometry, const View& source, const View& kernel, const View& dest)
    : images(source.shape[0]), sourceChannels(channelsOf(source)), destChannels(channelsOf(dest)) {
  merged = mergedGroups(geometry.groups, sourceChannels / geometry.groups, destChannels / geometry.groups);
  groups = geometry.groups / merged;
  width = sourceChannels / groups;
  columns = destChannels / groups;
  spatialOf(dest, this->dest);
  windowOf(kernel, window_);
  kernelTapSize_ = merged * kernel.shape[kernel.rank - 2] * channelsOf(kernel);
  kernelGroup_ = channelsOf(kernel) / groups;
}

ConvProblem ConvProblem::windowed(const Instruction& instruction, const View& x, const View& kernel, const View& y) {
  const ConvGeometry g(instruction);
  ConvProblem p(g, x, kernel, y);
  int64_t source[3];
  spatialOf(x, source);
  for (int a = 0; a < 3; ++a) {
    p.axes_[a].push_back(windowAxis(source[a], p.dest[a], p.window_[a], g.stride[a], g.dilation[a], g.padding[a]));
    p.phaseCount_[a] = 1;
  }
  p.bRow = p.destChannels;
  p.bColumn = 1;
  return p;
}

ConvProblem ConvProblem::forward(const Instruction& instruction) {
  return windowed(instruction, instruction.inputs[0], instruction.inputs[1], instruction.outputs[0]);
}

ConvProblem ConvProblem::kernelGradient(const Instruction& instruction) {
  return windowed(instruction, instruction.inputs[0], instruction.outputs[0], instruction.inputs[1]);
}

ConvProblem ConvProblem::backward(const Instruction& instruction) {
  const ConvGeometry g(instruction);
  ConvProblem p(g, instruction.inputs[0], instruction.inputs[1], instruction.outputs[0]);
  int64_t source[3];
  spatialOf(instruction.inputs[0], source);
  for (int a = 0; a < 3; ++a) {
    p.phaseCount_[a] = std::min(g.stride[a], p.dest[a]);
    for (int64_t residue = 0; residue < p.phaseCount_[a]; ++residue) {
      p.axes_[a].push_back(
          adjointAxis(source[a], p.dest[a], p.window_[a], g.stride[a], g.dilation[a], g.padding[a], residue));
    }
  }
  p.bRow = 1;
  p.bColumn = p.sourceChannels;
  return p;
}

PatchGrid ConvProblem::grid(int64_t phase) const {
  const int64_t inner = phaseCount_[1] * phaseCount_[2];
  return {
      {&axes_[0][static_cast<size_t>(phase / inner)], &axes_[1][static_cast<size_t>(phase % inner / phaseCount_[2])],
       &axes_[2][static_cast<size_t>(phase % phaseCount_[2])]},
      images,
      sourceChannels,
      width};
}

int64_t ConvProblem::tapOf(const PatchGrid& grid, int64_t tap) const {
  const PatchAxis &a = *grid.axes[0], &b = *grid.axes[1], &c = *grid.axes[2];
  const int64_t i = a.taps[static_cast<size_t>(tap / (b.size() * c.size()))];
  const int64_t j = b.taps[static_cast<size_t>(tap / c.size() % b.size())];
  return (i * window_[1] + j) * window_[2] + c.taps[static_cast<size_t>(tap % c.size())];
}

}  // namespace steepest
