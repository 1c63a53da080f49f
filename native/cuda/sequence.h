// Runs of small instructions that are one launch (emit/sequence.h), such as the training step of a small network. A kernel whose blocks
// stay and wait for each other takes a microsecond for what several launches take one each for, but its products are slower and what
// it reads is not chosen for the size.
#pragma once

#include <vector>

#include "launches.h"

namespace steepest::cuda {

// Instructions from `first` on, before `end`.
struct SequenceRun {
  size_t first, end;
  std::vector<SequenceWay> ways;  // best first
};

// The longest runs of instructions that can be one launch, where that is faster by an estimate. STEEPEST_CUDA_SEQUENCES is for tests and
// measurements: 0 has none; a number has all that can be, by one block or a cluster of so many, and 'grid' by one block for each
// multiprocessor, or 'grid:' by so many.
std::vector<SequenceRun> runsOf(const std::vector<Instruction>& instructions, const Memory& memory, Device& device);

}  // namespace steepest::cuda
