// What binding needs to know of the scalar operations.
#pragma once

#include <cstdint>

#include "../plan/ops.h"

namespace steepest {

// Picoseconds of an element on a middling CPU.
int64_t costOf(ScalarOp op);

int arity(ScalarOp op);

// Whether the result depends on where the element is.
bool positional(ScalarOp op);

}  // namespace steepest
