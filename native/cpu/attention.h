// Attention kernels, one table per CPU target: attention.cc cuts the work into parts of heads.
#pragma once

#include <cstdint>

#include "gemm.h"

namespace steepest {

// A matrix as it lies; its rows are time steps.
struct Steps {
  const float* at;
  int64_t row, column;  // strides
};

// One head of one sample: y = softmax(query key^T scale) value, row by row.
struct AttentionHead {
  Steps query, key, value;
  const uint8_t* mask;  // 1 where a query may see a key, or null
  int64_t maskRow, maskColumn;
  int64_t queries, keys, depth, width;  // depth of query and key, width of value and y
  float scale;
  bool causal;              // query i sees keys 0 .. i only
  const GemmKernels* gemm;  // of the products
  float* y;
  int64_t yRow;
  float* logSum;                        // of the exponentials of a row, infinite where a query sees nothing
  const AttentionHead* next = nullptr;  // that the thread most likely takes next, or null
};

// What the gradients need besides.
struct AttentionHeadGrad {
  AttentionHead head;  // y and logSum as the forward pass left them
  Steps dy;
  float* dquery;
  float* dkey;
  float* dvalue;
  int64_t dqueryRow, dkeyRow, dvalueRow;
  bool accumulate = false;                  // onto what dkey and dvalue hold
  const AttentionHeadGrad* next = nullptr;  // that the thread most likely takes next, or null
};

struct AttentionKernels {
  // Rows first .. last-1 of y and logSum, at most `rows` of them. Scores of a few rows and a block of keys exist at a time
  // (Dao et al., "FlashAttention", 2022); the sums over keys go from the first key to the last.
  int64_t rows;
  void (*forward)(const AttentionHead&, int64_t first, int64_t last, float* scratch);
  // Gradients from keys first .. last-1; first is a multiple of `keys`. What no such pair of a query and a key belongs to,
  // since the head is causal, is not written: queries before the first key, keys behind the last query.
  int64_t keys;
  void (*backward)(const AttentionHeadGrad&, int64_t first, int64_t last, float* scratch);
  int64_t (*forwardScratch)(const AttentionHead&);  // floats
  int64_t (*backwardScratch)(const AttentionHead&);
};

}  // namespace steepest
