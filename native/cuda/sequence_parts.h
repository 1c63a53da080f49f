// Which instructions can be parts of a sequence.
#pragma once

#include "../runtime/kernel.h"

namespace steepest::cuda {

// Of those that can, the families make parts where they can as well.
bool canBePart(const Instruction& in, const Memory& memory);

}  // namespace steepest::cuda
