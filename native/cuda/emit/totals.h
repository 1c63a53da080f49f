// Results of a reduction while they grow.
#pragma once

#include "text.h"

namespace steepest::cuda::emit {

// How they are held, and put together. `kind` is a ReduceKind.
Bank bankOf(uint32_t kind, bool whole);
Value identityOf(uint32_t kind, Bank bank);
Value combine(uint32_t kind, const Value& a, const Value& b);
// A lane as what it is held as; and back, rounded.
Value widen(const Value& lane, Bank bank);
Value narrow(const Value& total);

}  // namespace steepest::cuda::emit
