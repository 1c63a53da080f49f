// Windows over spatial axes, of convolutions and pooling.
#pragma once

#include "../plan/plan.h"
#include "kernels/spatial.h"

namespace steepest::cuda {

// The axes between the first and the last one, or of a kernel the ones before the last two (`after` is 2). Missing axes come first
// and have one cell.
inline void spatialOf(const View& view, int before, int after, int64_t* box) {
  const int count = view.rank - before - after, missing = kSpatial - count;
  for (int d = 0; d < kSpatial; ++d) box[d] = d < missing ? 1 : view.shape[before + d - missing];
}

inline int64_t volume(const int64_t* box) { return box[0] * box[1] * box[2]; }

inline Windows windowsOf(const View& x, const View& y, const int64_t* window, const uint32_t* stride,
                         const uint32_t* dilation, const uint32_t* padding) {
  Windows windows{};
  windows.images = x.shape[0];
  spatialOf(x, 1, 1, windows.x);
  spatialOf(y, 1, 1, windows.y);
  for (int d = 0; d < kSpatial; ++d) {
    windows.window[d] = window[d];
    windows.stride[d] = stride[d];
    windows.dilation[d] = dilation != nullptr ? dilation[d] : 1;
    windows.padding[d] = padding[d];
  }
  return windows;
}

}  // namespace steepest::cuda
