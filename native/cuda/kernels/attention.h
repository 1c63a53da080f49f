#pragma once

#include <stdint.h>

namespace steepest::cuda {

// A tensor [N, steps, heads, features]; features are neighbours. Strides in elements.
struct AttentionHeads {
  const float* at;
  int64_t sample, step, head;
};

// query [N, T, H, D], key [N, S, K, D], value [N, S, K, E], mask [N, H, T, S] or null with any strides. y [N, T, H, E] and
// logSum [N, H, T] have no gaps. Head h asks keys and values of head h / (H / K).
struct AttentionArguments {
  AttentionHeads query, key, value;
  const uint8_t* mask;
  int64_t maskSample, maskHead, maskQuery, maskKey;
  float* y;
  float* logSum;
  // of the gradient: y and logSum are read; results have no gaps
  AttentionHeads dy;
  float* dquery;
  float* dkey;
  float* dvalue;
  float* means;  // scratch [2, N, H, T]: sum(p dp) of each query, and what rounding left of it
  // of tensor cores: rounded to bfloat16 [N, heads, steps, width], with zeros behind the features
  const uint16_t *packedQuery, *packedKey, *packedValue, *packedDy;
  int64_t n;
  int32_t t, s, h, k, d, e;
  float scale;
  uint32_t causal;
  uint32_t bfloat16;     // operands are rounded to it; weights, and gradients of scores, are to be
  uint32_t quads;        // four neighbours of all operands may be read at once,
  uint32_t resultQuads;  // and those of all results written
};

// What attentionRound and attentionPack take.
struct AttentionOperand {
  AttentionHeads from;
  void* to;
  int64_t n, steps, heads, features;
  int32_t width;   // of attentionPack
  uint32_t quads;  // four neighbours may be read at once
};

// Tiles of the kernels, by the widest head that they hold whole: what they need of shared memory follows from it.
struct AttentionTiles {
  int32_t width;
  int32_t queries, keys;                  // forward
  int32_t gradientRows, gradientColumns;  // queries and keys, or keys and queries
};
constexpr AttentionTiles kAttentionTiles[] = {{64, 64, 64, 64, 64}, {128, 64, 32, 32, 32}};

constexpr int kAttentionThreads = 128;

// Of shared memory, that a block may ask for on all devices: 8.6, 8.9 and 12.0 have the least.
constexpr int kMostSharedBytes = 99 << 10;

// Numbers behind each run in shared memory: of operands, and of weights.
constexpr int kAttentionGap = 4, kWeightGap = 16;

constexpr int forwardBytes(const AttentionTiles& t) {
  return 4 * ((t.queries + 2 * t.keys) * (t.width + kAttentionGap) + t.queries * (t.keys + kWeightGap));
}
constexpr int gradientBytes(const AttentionTiles& t) {
  return 4 * (2 * (t.gradientRows + t.gradientColumns) * (t.width + kAttentionGap) +
              t.gradientRows * (t.gradientColumns + kWeightGap));
}

static_assert(forwardBytes(kAttentionTiles[0]) <= kMostSharedBytes &&
              gradientBytes(kAttentionTiles[0]) <= kMostSharedBytes);
static_assert(forwardBytes(kAttentionTiles[1]) <= kMostSharedBytes &&
              gradientBytes(kAttentionTiles[1]) <= kMostSharedBytes);

// Those on tensor cores: rows of a block are 64 times so many.
struct AttentionMmaTiles {
  int32_t width;
  int32_t queries, keys;  // forward
  int32_t gradientRows, gradientColumns;
};
constexpr AttentionMmaTiles kAttentionMmaTiles[] = {{64, 2, 64, 2, 32}, {128, 1, 64, 1, 32}};
constexpr int kMmaRows = 64;  // of the four warps of a block

// bfloat16 numbers behind each run in shared memory: spreads the eight rows that ldmatrix reads over all banks.
constexpr int kPackedGap = 8;

constexpr int forwardBytes(const AttentionMmaTiles& t) {
  return 2 * (t.queries * kMmaRows + 2 * t.keys) * (t.width + kPackedGap);
}
constexpr int gradientBytes(const AttentionMmaTiles& t) {
  return 2 * 2 * (t.gradientRows * kMmaRows + t.gradientColumns) * (t.width + kPackedGap) + 4 * 3 * t.gradientColumns;
}

static_assert(forwardBytes(kAttentionMmaTiles[0]) <= kMostSharedBytes &&
              gradientBytes(kAttentionMmaTiles[0]) <= kMostSharedBytes);
static_assert(forwardBytes(kAttentionMmaTiles[1]) <= kMostSharedBytes &&
              gradientBytes(kAttentionMmaTiles[1]) <= kMostSharedBytes);

}  // namespace steepest::cuda
