// Parts of a loop's body that become one, so that what one makes for the other need not go through memory.
#pragma once

#include "loop_body.h"

namespace steepest::cuda {

// A copy of what an earlier part makes can be a result of that part too. False when it has to stay a part.
bool joinCopy(const LoopPart& copy, std::vector<LoopPart>& parts, const Memory& memory);

// A map over slices of the columns of the product before it, as gates are, can be its end.
void joinMaps(std::vector<LoopPart>& parts, const Memory& memory);

}  // namespace steepest::cuda
