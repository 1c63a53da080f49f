// Values that kernels cannot use.
#pragma once

#include "kernel.h"
#include "step.h"

namespace steepest::cuda {

// DataError of native/runtime/kernel.h
constexpr uint32_t kLabelError = 1, kIndexError = 2;

// Keeps the first one and its step.
STEEPEST_INLINE void report(StepState* state, uint32_t error) {
  if (atomicCAS(&state->error, 0u, error) == 0u) state->errorStep = static_cast<int64_t>(state->step);
}

}  // namespace steepest::cuda
