// What decides between ways to run small instructions, in clocks of a multiprocessor. None of it was measured for this: see
// docs/PERFORMANCE.md.
#pragma once

namespace steepest::cuda {

constexpr double kMultiplyAddsOfClock = 128, kSharedBytesOfClock = 128;  // of a multiprocessor
constexpr double kL2BytesOfClock = 64, kAllL2BytesOfClock = 3000;        // of one, and of all of them together
constexpr double kOfPeak = 0.6;                                          // of multiply-adds
constexpr double kLaunchClocks = 3000;  // of a kernel in a graph that is as short as one of a step
constexpr double kPartClocks = 600;     // memory that was written just before, a barrier
constexpr double kClusterClocks = 800;  // the same through L2, by all members of a cluster
constexpr double kGridClocks = 2000;    // and by all blocks of a grid, which count arrivals there

}  // namespace steepest::cuda
