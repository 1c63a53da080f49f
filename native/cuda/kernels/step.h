// What kernels know of the step that is running. It lives in device memory at fixed addresses and the device moves it on, so
// that launches are the same in every step.
#pragma once

#include <stdint.h>

namespace steepest::cuda {

// Host memory on the device: a feed's rows, or those of a fetch.
struct Slot {
  uint8_t* data;
  const uint32_t* order;  // row i is row order[i] of the data; null: row i
  uint32_t type;          // HostType
  uint32_t staged;        // the data are this step's rows only
};

struct StepState {
  uint64_t firstRow;
  uint64_t rows;
  uint64_t step;
  const Slot* feeds;
  const Slot* nextFeeds;  // of the next step; the two alternate
  const Slot* fetches;
  const float* watched;          // or null
  int64_t errorStep;             // of the first error, or -1
  int64_t nonFiniteStep;         // the first step that left the watched number NaN or infinite, or -1
  volatile uint32_t* attention;  // in host memory: not 0 when there was an error
  uint32_t error;                // DataError
  uint32_t unused;
};

struct AdvanceArguments {
  StepState* state;
};

struct FeedArguments {
  const StepState* state;
  uint8_t* out;
  int64_t size;  // elements
  int64_t rowSize;
  int64_t firstBlock;
  uint32_t slot;
  uint32_t dtype;  // DType
};

// Blocks have a feed each.
struct FeedsArguments {
  FeedArguments feeds[32];
  int32_t count;
  uint32_t unused;
};

struct FetchArguments {
  const StepState* state;
  const uint8_t* in;
  int64_t size;  // elements
  int64_t rowSize;
  uint32_t slot;
  uint32_t elementBytes;  // 1, 2 or 4
};

}  // namespace steepest::cuda
