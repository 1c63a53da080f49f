// The borders of a plan: rows of the data into feeds, results into rows, and the end of a step.
#include "../../ops.inc"
#include "kernel.h"
#include "report.h"
#include "step.h"

namespace steepest::cuda {

STEEPEST_KERNEL(advance, AdvanceArguments a) {
  StepState& state = *a.state;
  // Infinity minus itself and NaN are NaN.
  if (state.watched != nullptr && state.nonFiniteStep < 0 && !(*state.watched - *state.watched == 0.0f)) {
    state.nonFiniteStep = static_cast<int64_t>(state.step);
  }
  if (state.error != 0) *state.attention = 1;
  const Slot* const feeds = state.feeds;
  state.feeds = state.nextFeeds;
  state.nextFeeds = feeds;
  state.firstRow += state.rows;
  state.step += 1;
}

// HostType of native/runtime/kernel.h
constexpr uint32_t kHostUint8 = 2;

STEEPEST_KERNEL(feedRows, FeedsArguments all) {
  int32_t k = 0;
  while (k + 1 < all.count && all.feeds[k + 1].firstBlock <= blockIdx.x) ++k;
  const FeedArguments& a = all.feeds[k];
  const int64_t i = (static_cast<int64_t>(blockIdx.x) - a.firstBlock) * blockDim.x + threadIdx.x;
  if (i >= a.size) return;
  const Slot slot = a.state->feeds[a.slot];
  const int64_t first = slot.staged ? 0 : static_cast<int64_t>(a.state->firstRow);
  const int64_t row = first + i / a.rowSize;
  const int64_t from = (slot.order != nullptr ? slot.order[row] : row) * a.rowSize + i % a.rowSize;
  switch (a.dtype) {
    case STEEPEST_DTYPES_FLOAT32:
      reinterpret_cast<float*>(a.out)[i] = slot.type == kHostUint8 ? static_cast<float>(slot.data[from])
                                                                   : reinterpret_cast<const float*>(slot.data)[from];
      break;
    case STEEPEST_DTYPES_INT32:
      reinterpret_cast<int32_t*>(a.out)[i] =
          slot.type == kHostUint8 ? slot.data[from] : reinterpret_cast<const int32_t*>(slot.data)[from];
      break;
    case STEEPEST_DTYPES_BOOL:
      a.out[i] = slot.data[from] != 0;
      break;
    case STEEPEST_DTYPES_BFLOAT16:
      reinterpret_cast<uint16_t*>(a.out)[i] = reinterpret_cast<const uint16_t*>(slot.data)[from];
      break;
    default:
      a.out[i] = slot.data[from];
  }
}

STEEPEST_KERNEL(fetchRows, FetchArguments a) {
  uint8_t* const to = a.state->fetches[a.slot].data;
  const int64_t first = static_cast<int64_t>(a.state->firstRow) * a.rowSize;
  STEEPEST_EACH(i, a.size) {
    if (a.elementBytes == 4) {
      reinterpret_cast<uint32_t*>(to)[first + i] = reinterpret_cast<const uint32_t*>(a.in)[i];
    } else if (a.elementBytes == 2) {
      reinterpret_cast<uint16_t*>(to)[first + i] = reinterpret_cast<const uint16_t*>(a.in)[i];
    } else {
      to[first + i] = a.in[i];
    }
  }
}

}  // namespace steepest::cuda
