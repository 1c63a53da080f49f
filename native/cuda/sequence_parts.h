// Which instructions can be parts of a sequence.
#pragma once

#include "../runtime/kernel.h"

namespace steepest::cuda {

// Of those that can, the families make parts where they can as well. Where kernels are emitted: see runsOf.
bool canBePart(const Instruction& in);

}  // namespace steepest::cuda
