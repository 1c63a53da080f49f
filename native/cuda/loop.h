// Loops over time that are one launch (emit/loop.h).
#pragma once

#include <memory>

#include "launches.h"

namespace steepest::cuda {

// Null for a loop that cannot be one launch, or is faster as launches for each step. Everything that waits has been launched.
// STEEPEST_CUDA_LOOPS is for tests and measurements: 0 has none be one launch; a number of members has all that can be, with so
// many, and what cannot is said on stderr.
std::unique_ptr<Kernel> bindLoopTogether(const Instruction& loop, const Memory& memory, CudaBackend& backend,
                                         Together& waiting);

}  // namespace steepest::cuda
