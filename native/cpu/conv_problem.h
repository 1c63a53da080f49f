// A convolution, its input gradient or its kernel gradient as the kernels see it: three spatial axes (missing ones come
// first, of size 1) and, for each residue of the strides, the taps that positions see.
#pragma once

#include <cstdint>
#include <vector>

#include "../plan/plan.h"
#include "patches.h"

namespace steepest {

// Attribute words after the epilogue's: strides, dilations, padding before, groups.
struct ConvGeometry {
  explicit ConvGeometry(const Instruction& instruction);
  int64_t stride[3], dilation[3], padding[3], groups;
};

// Sizes of the three spatial axes of x or y [N, spatial..., C], or of a kernel [spatial..., in, out].
void spatialOf(const View& pixels, int64_t* sizes);
void windowOf(const View& kernel, int64_t* sizes);
inline int64_t channelsOf(const View& v) { return v.shape[v.rank - 1]; }

// dest [images, dest..., columns of each group] = patches of source [images, source..., width of each group] x kernel.
// The kernel's element for tap t, source channel c and column n of group g is at kernelAt(t, g) + c * bRow + n * bColumn.
//
// Groups of a few channels are computed several at a time, as one with zeros between them: a vector has room for them, and wide
// groups may use minimal filtering. So an infinity or NaN makes NaN of the others that are computed with it.
class ConvProblem {
 public:
  static ConvProblem forward(const Instruction& instruction);   // conv: x, kernel -> y
  static ConvProblem backward(const Instruction& instruction);  // convInputGrad: dy, kernel -> dx
  // The forward problem whose kernel's gradient convKernelGrad computes: x, dy -> dkernel.
  static ConvProblem kernelGradient(const Instruction& instruction);

  int64_t phases() const { return phaseCount_[0] * phaseCount_[1] * phaseCount_[2]; }
  int64_t phaseCount(int axis) const { return phaseCount_[axis]; }
  PatchGrid grid(int64_t phase) const;
  int64_t tapOf(const PatchGrid& grid, int64_t tap) const;  // in the kernel, of a tap of the grid
  int64_t kernelAt(int64_t kernelTap, int64_t group) const { return kernelTap * kernelTapSize_ + group * kernelGroup_; }
  // Positions are the rows of the destination.
  bool dense() const { return phases() == 1; }
  bool depthwise() const { return width == 1 && columns == 1 && groups > 1; }

  int64_t images, groups;
  int64_t merged;  // groups of the convolution in each of those
  int64_t sourceChannels, width;
  int64_t destChannels, columns;
  int64_t dest[3];
  int64_t bRow, bColumn;

 private:
  ConvProblem(const ConvGeometry& geometry, const View& source, const View& kernel, const View& dest);
  static ConvProblem windowed(const Instruction& instruction, const View& x, const View& kernel, const View& y);

  std::vector<PatchAxis> axes_[3];  // by residue
  int64_t phaseCount_[3];
  int64_t window_[3];
  int64_t kernelTapSize_, kernelGroup_;
};

}  // namespace steepest
