// What reads and adds rows by index has in common.
#pragma once

#include <cstdint>

#include "../plan/plan.h"
#include "../runtime/kernel.h"

namespace steepest {

inline bool inRange(int32_t index, int64_t n) { return static_cast<uint32_t>(index) < static_cast<uint64_t>(n); }

inline void reportIndex(RunContext& context) {
  context.error.store(static_cast<uint32_t>(DataError::kIndex), std::memory_order_relaxed);
}

// Elements of the axes from `first` on.
inline int64_t sizeFrom(const View& v, int first) {
  int64_t size = 1;
  for (int d = first; d < v.rank; ++d) size *= v.shape[d];
  return size;
}

}  // namespace steepest
