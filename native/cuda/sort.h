// Sorting on the device, for families that need it.
#pragma once

#include "bind.h"
#include "kernels/sort.h"

namespace steepest::cuda {

// Adds the launches that sort each of `lines` lines of `size` pairs, key << 32 | position with keys below 2^bits and positions
// that ascend, by key. Where they are then: there, or in memory of its own. One launch for short lines, two for each 8 bits
// for long ones, which read and write them once and read the keys once more.
const uint64_t* addSort(uint64_t* pairs, int64_t lines, int64_t size, int bits, Binder& binder);

}  // namespace steepest::cuda
