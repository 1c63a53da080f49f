// Elements in memory.
#pragma once

#include "../../plan/plan.h"
#include "text.h"

namespace steepest::cuda::emit {

// An element as a lane, and back: bools are 0 or 1 in float lanes, bytes numbers. `address` is a 64-bit register. With
// `width` 4 and aligned addresses of neighbours it is one access.
void load(DType dtype, const Value& address, int64_t byteOffset, int width, Value* lanes);
void store(DType dtype, const Value& address, int width, const Value* lanes);

}  // namespace steepest::cuda::emit
