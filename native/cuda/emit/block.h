// What the threads of a block do together in emitted kernels: divide numbers among them, share memory, wait for each other and for
// other blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "text.h"

namespace steepest::cuda::emit {

// Who waits for whom: the threads of a block, the blocks of a cluster, those of a grid.
enum class Meeting : uint8_t { kNone, kBlock, kCluster, kGrid };

// Everything that who meets has written before, in whatever memory it shares, is there for all of them afterwards. A grid, which has to be
// launched as one whose blocks run at once, counts arrivals in a word in memory, which is 0 before the first launch; `count` is its
// address.
void meet(Meeting meeting, const Value& count = {});

// Has the body done by one block when all that meet have come so far, none of which waits for it; of a grid that is the last to come.
void afterAll(Meeting meeting, const Value& count, const std::function<void()>& body);

// 32-bit words.
Value isBelow(const Value& number, int64_t end);
Value sumOf(const Value& number, int64_t more);

// Numbers below `count`, which the threads of a block take in turns.
template <typename Body>
void each(const Value& thread, int threads, int64_t count, Body&& body) {
  Text& out = Text::now();
  const int done = out.label();
  if (count <= threads) {
    if (count < threads) out.branchUnless(isBelow(thread, count), done);
    body(thread);
  } else {
    const Value i = out.variable(Bank::kWord);
    const int again = out.label();
    out.assign(i, thread);
    out.place(again);
    body(i);
    out.assign(i, sumOf(i, threads));
    out.branchIf(isBelow(i, count), again);
  }
  out.place(done);
}
// Addresses.
Value plus(const Value& address, int64_t bytes);
Value plus(const Value& address, const Value& index, int64_t bytes);

// index = quotient * divisor + rest
std::pair<Value, Value> divided(const Value& index, int64_t divisor);

// Where the shared memory of the block begins.
Value sharedMemory();
// Quads or single floats in shared memory.
void loadShared(const Value& address, int64_t bytes, int width, Value* lanes);
void storeShared(const Value& address, int64_t bytes, int width, const Value* lanes);

// As kernels/bfloat16.h.
Value toBfloat16(const Value& x);

}  // namespace steepest::cuda::emit
