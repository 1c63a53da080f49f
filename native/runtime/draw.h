// Random numbers for initial weights: the uniform numbers of lib/ir/philox.ts, and normal numbers made of them. The same on every
// platform, but for the last digits of a double, and for any number of threads.
#pragma once

#include <cstdint>

namespace steepest {

class Threads;

// Numbers begin, begin + 1, ... of a stream.
struct Draw {
  uint32_t seed, stream;
  uint64_t begin;
};

// Uniform in [0, 1), of 24 bits.
void drawUniform(Threads& threads, const Draw& draw, double* to, int64_t n);

// Standard normal: each two uniform numbers u and v give sqrt(-2 log(1 - u)) times the cosine and the sine of 2 pi v
// (Box and Muller, "A note on the generation of random normal deviates", 1958). The last of an odd number is a cosine.
void drawNormal(Threads& threads, const Draw& draw, double* to, int64_t n);

}  // namespace steepest
