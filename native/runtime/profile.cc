#include "profile.h"

#include <algorithm>

namespace steepest {

Profile::Profile(size_t instructions, uint64_t steps, uint64_t events)
    : nanoseconds_(instructions), calls_(instructions), capacity_(events), events_(events * sizeof(Event)) {
  steps_.reserve(steps);
}

// The section ends after its chunks, so the instruction is still the current one.
void Profile::run(Threads::Body body, void* context, int64_t chunk, int thread) {
  const uint64_t begin = now();
  body(context, chunk);
  record({current_, static_cast<uint32_t>(thread) + 1, begin, now()});
}

uint64_t Profile::eventCount() const { return std::min(found_.load(std::memory_order_relaxed), capacity_); }

}  // namespace steepest
