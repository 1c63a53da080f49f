#pragma once

#include "../plan/plan.h"

namespace steepest {

// Whether the epilogue leaves all that it would write as it is where the product is zero: plain gradient descent, w - r * 0 in the
// place of w. Other operands are taken for finite, and 0 for -0.
bool zeroHasNoEffect(const Instruction& instruction);

}  // namespace steepest
