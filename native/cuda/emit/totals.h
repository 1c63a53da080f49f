// Results of a reduction while they grow.
#pragma once

#include "text.h"

namespace steepest::cuda::emit {

// How they are held, and put together. `kind` is a ReduceKind.
Bank bankOf(uint32_t kind, bool whole);
Value identityOf(uint32_t kind, Bank bank);
Value combine(uint32_t kind, const Value& a, const Value& b);
// What the lane whose number differs by `lanes` holds.
Value exchanged(const Value& value, uint32_t lanes);
// One result for the lanes of a warp, in each of them.
Value overLanes(uint32_t kind, Value total);
// A lane as what it is held as; and back, rounded.
Value widen(const Value& lane, Bank bank);
Value narrow(const Value& total);

}  // namespace steepest::cuda::emit
