// The scalar operations as instructions.
#pragma once

#include "../../plan/plan.h"
#include "text.h"

namespace steepest::cuda::emit {

// A step of a program for operands x, y and z. `position` is a 32-bit word, for the steps that look at it.
Value evaluate(const Step& step, const Value& x, const Value& y, const Value& z, const Value& position);

// What `random` gives for four neighbours, the first at a multiple of 4: they are one block of the generator.
void randomBlock(const Step& step, const Value& seed, const Value& counter, const Value& position, Value* lanes);

}  // namespace steepest::cuda::emit
