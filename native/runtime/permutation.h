// The order of the rows of an epoch.
#pragma once

#include <cstddef>
#include <cstdint>

namespace steepest {

// Fills order[0 .. count-1] with first .. first+count-1 in a random order that depends on seed, epoch, and count only.
//
// Fisher-Yates from the top: for i = count-1 .. 1 swap order[i] with order[j], j uniform in 0 .. i. The words come from
// Philox with key (seed, epoch low) and counters (0, 0, epoch high, 1), (1, 0, epoch high, 1), ...; the last counter word
// keeps them apart from the `random` operation, which has 0 there. j is the high half of word * (i + 1), and words whose
// low half is under 2^32 mod (i + 1) are passed over, so that every j is equally likely (Lemire 2019).
void shuffle(uint32_t* order, uint32_t first, uint32_t count, uint32_t seed, uint64_t epoch);

}  // namespace steepest
