// Rows that a feed will copy in the next step. In a random order no processor foresees them, so they are fetched while this
// step's rows are multiplied: by the gradient of the first layer's weights, which keeps columns of the data with the threads
// that copy them.
#pragma once

#include "../runtime/kernel.h"
#include "gemm.h"

namespace steepest {

class NextRows {
 public:
  // A step begins that reads [rows, columns] of feed `slot`.
  void begin(const RunContext& context, uint32_t slot, int64_t rows, int64_t columns) {
    const uint64_t first = context.firstRow + static_cast<uint64_t>(rows);
    const FeedSource& source = context.feeds[slot];
    element_ = source.type == HostType::kUint8 ? 1 : sizeof(float);
    any_ = {};
    if (context.order == nullptr || first + static_cast<uint64_t>(rows) > context.endRow) return;
    any_ = {static_cast<const uint8_t*>(source.data), rows, columns * element_, 0, context.order + first};
  }
  bool known() const { return any_.at != nullptr; }

  // Some columns of share `share` of `shares` equal ones of the rows.
  Ahead part(int64_t column, int64_t columns, int64_t share, int64_t shares) const {
    const int64_t begin = any_.rows * share / shares, end = any_.rows * (share + 1) / shares;
    return {any_.at + column * element_, end - begin, any_.stride, columns * element_, any_.order + begin};
  }

 private:
  Ahead any_{};
  int64_t element_ = 0;  // bytes
};

}  // namespace steepest
