// What the blocks of all attention kernels go through.
#pragma once

#include "attention.h"
#include "kernel.h"

namespace steepest::cuda {

STEEPEST_INLINE int tilesOf(int size, int edge) { return (size + edge - 1) / edge; }

// Which keys the queries of a head see.
struct Sight {
  const uint8_t* mask;
  int64_t maskQuery, maskKey;
  int t, s;
  bool causal;

  STEEPEST_INLINE Sight(const AttentionArguments& a, int64_t n, int h)
      : mask(a.mask == nullptr ? nullptr : a.mask + n * a.maskSample + h * a.maskHead),
        maskQuery(a.maskQuery),
        maskKey(a.maskKey),
        t(a.t),
        s(a.s),
        causal(a.causal != 0) {}
  STEEPEST_INLINE bool sees(int query, int key) const {
    return query < t && key < s && !(causal && key > query) &&
           (mask == nullptr || mask[query * maskQuery + key * maskKey] != 0);
  }
  // Without the mask: the keys that a query sees, the queries that see a key.
  struct Range {
    int begin, end;
    STEEPEST_INLINE bool has(int i) const { return i >= begin && i < end; }
  };
  STEEPEST_INLINE Range keysOf(int query) const { return {0, query >= t ? 0 : causal ? smaller(s, query + 1) : s}; }
  STEEPEST_INLINE Range queriesOf(int key) const { return {causal ? key : 0, key < s ? t : 0}; }
  // All of so many queries see all of so many keys.
  STEEPEST_INLINE bool seesAll(int query, int queries, int key, int keys) const {
    return mask == nullptr && query + queries <= t && key + keys <= s && !(causal && key + keys - 1 > query);
  }
};

}  // namespace steepest::cuda
