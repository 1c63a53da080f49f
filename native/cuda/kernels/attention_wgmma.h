#pragma once

#include "attention.h"
#include "tensor_map.h"

namespace steepest::cuda {

// Operands rounded to bfloat16: axes are features, steps, and heads of all samples. The rows of a block are queries, or in the
// gradients of keys and values keys, and it goes through columns, the others. Those of D features are queries and keys,
// those of E features values and dy. Tensor maps lie at multiples of 64 bytes, on the device too.
struct AttentionWgmmaArguments {
  TensorMap rowsD, rowsE, columnsD, columnsE;
  AttentionArguments attention;
  // Of each kQueriesTogether queries, what the gradients of queries leave for the others: logSum to base 2, then sum(p dp).
  float* statistics;
  int64_t together;  // heads whose tiles are taken side by side, as the cache has room for their columns
  uint64_t end[8 - (sizeof(AttentionArguments) + 16) % 64 / 8];
};
static_assert(sizeof(AttentionWgmmaArguments) % 64 == 0, "has one size with and without alignment");

constexpr int kAttentionWgmmaRows = 128, kAttentionWgmmaThreads = 384, kQueriesTogether = 64;

struct AttentionWgmmaTiles {
  int32_t width;     // the widest head
  int32_t operands;  // that a block has of its rows
  int32_t columns, stages;
};
// Forward, and the gradients of queries, and of keys and values.
constexpr AttentionWgmmaTiles kAttentionWgmma[][2] = {
    {{64, 1, 128, 3}, {128, 1, 128, 2}}, {{64, 2, 128, 3}, {128, 2, 64, 4}}, {{64, 2, 64, 4}, {128, 2, 64, 4}}};

// Of a block: rows, stages of columns, two numbers for each column, barriers.
constexpr int attentionWgmmaBytes(const AttentionWgmmaTiles& t) {
  return 2 * t.width * (t.operands * kAttentionWgmmaRows + 2 * t.stages * t.columns) + 4 * 2 * t.stages * t.columns +
         8 * (4 + 4 * t.stages);
}

}  // namespace steepest::cuda
