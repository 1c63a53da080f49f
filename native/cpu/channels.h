// Inner loops over the channels of pixels: depthwise convolution and pooling, one table per CPU target.
#pragma once

#include <cstdint>

namespace steepest {

// `channels` channels of `count` pixels of the result, `pixel` floats apart; for the next of them every tap sees what is
// `step` floats on.
struct PixelRun {
  int64_t count, step, pixel, channels;
};

// Channels do not influence each other. Sums run in the order of the taps. No output overlaps an input.
struct ChannelKernels {
  // y = sum over t of x[t] * w[t]
  void (*weightedSum)(const float* const* x, const float* const* w, int64_t taps, float* y, const PixelRun& run);
  // w[t] += sum over j < count of x[t * xTap + j * xStep ..] * dy[j * dyStep ..], for all t; w has no gaps
  void (*productSums)(int64_t taps, const float* x, int64_t xTap, int64_t xStep, const float* dy, int64_t dyStep,
                      int64_t count, float* w, int64_t channels);
  // y = scale * sum over t of x[t]
  void (*scaledSum)(const float* const* x, int64_t taps, float scale, float* y, const PixelRun& run);
  // dx[t] = scale * dy, for all t; added to what is there with `accumulate`
  void (*spread)(float* const* dx, int64_t taps, const float* dy, float scale, bool accumulate, const PixelRun& run);
  // y = max over t of x[t]; NaN wins
  void (*max)(const float* const* x, int64_t taps, float* y, const PixelRun& run);
  // dx[t] = dy for the first t with x[t] = y (both may be NaN) and 0 for the others; added with `accumulate`
  void (*maxGrad)(const float* const* x, float* const* dx, int64_t taps, const float* y, const float* dy,
                  bool accumulate, const PixelRun& run);
};

}  // namespace steepest
