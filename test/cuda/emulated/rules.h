// What hardware demands around asynchronous copies and products although any order would do for the numbers that the twin of ptx.h
// computes. What breaks a rule ends the launch.
#pragma once

#include <cstdint>

namespace steepest::emulated::rules {

// Copies may come to a new barrier when the thread that made it has fenced it.
void newBarrier(const uint64_t* barrier);
void fencedBarriers();
void copyTo(const uint64_t* barrier);

// Threads that have waited for the barrier at which bytes have arrived may read them on their own: each needs a fence between that
// and the next copy to the same place, as copies go by another way (the async proxy).
void arrived(const void* to, uint32_t bytes, const uint64_t* barrier);
void waitedFor(const uint64_t* barrier);
void fencedCopies();
void replaces(const void* to, uint32_t bytes);

// All lanes of a warp fence once for each box that one of them asks to be copied, as all have written to it.
void storedBy(unsigned thread);

// A descriptor of an operand in swizzled runs of 128 bytes, of which 8 make the pattern.
void checkDescriptor(uint64_t descriptor);
// All threads of a warp group ask for the same products, one after the other.
struct Issue {
  uint64_t a, b;
  int columns;
  uint32_t flags;
  bool operator==(const Issue&) const = default;
};
void issued(const Issue& product);

// At the end of a block, after which nothing is known of it any more: what is wrong, or nothing.
const char* unfinished();

}  // namespace steepest::emulated::rules
