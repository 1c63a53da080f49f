#pragma once

#include <stdint.h>

namespace steepest::cuda {

// query [N, T, H, D], key [N, S, K, D], value [N, S, K, E], mask [N, H, T, S] or null; contiguous. y [N, T, H, E],
// logSum [N, H, T]. Head h asks keys and values of head h / (H / K).
struct AttentionArguments {
  const float* query;
  const float* key;
  const float* value;
  const uint8_t* mask;
  float* y;
  float* logSum;
  // of the gradient: y and logSum are read
  const float* dy;
  float* dquery;
  float* dkey;
  float* dvalue;
  float* p;   // scratch [N, H, T, S]: the weights
  float* ds;  // scratch [N, H, T, S]: the gradients of the scores
  int64_t n, t, s, h, k, d, e;
  float scale;
  uint32_t causal;
};

}  // namespace steepest::cuda
