// A loss and its gradient go through the same logits: who makes the gradient can make the loss on the way.
#pragma once

#include <cstddef>
#include <vector>

#include "plan.h"

namespace steepest {

// The softmaxCrossEntropy of the same logits and labels that comes behind its gradient, `at`, where it could be made there already. Its
// place among the instructions, or their number. A pass over the logits is one over memory where there are many classes.
size_t lossOf(size_t at, const std::vector<Instruction>& instructions);

}  // namespace steepest
