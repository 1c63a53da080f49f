// Attention in float32 without its matrix of scores (Dao, "FlashAttention-2", 2023): a block has some queries and goes through the
// keys tile by tile, with the maximum and the sum of each query so far; the gradients compute the scores again from the saved
// logarithm of that sum. A block of a gradient has all that adds to its results, so the order of every sum is that of the
// keys, or of heads and queries. What a query does not see has no weight; one that sees nothing gives zeros, and infinity
// as the logarithm of its sum.
//
// Tiles come to shared memory by copies that go on during the products. Threads stand 8 x 16 in a tile of products: thread
// (y, x) has rows y, y + 8, ... and columns x, x + 16, ... of scores, and quads x, x + 16, ... of a row of results. So a
// row of scores belongs to half a warp, which alone reads its weights back from shared memory. Heads wider than a tile go
// through it in chunks: scores are summed over them, and each chunk of the results has blocks of its own.
#include "attention_sight.h"
#include "bfloat16.h"
#include "gemm_result.h"
#include "kernel.h"
#include "ptx.h"
#include "scalar.h"

namespace steepest::cuda {
namespace {

constexpr int kAcross = 16, kDown = kAttentionThreads / kAcross;

STEEPEST_INLINE int threadX() { return static_cast<int>(threadIdx.x) % kAcross; }
STEEPEST_INLINE int threadY() { return static_cast<int>(threadIdx.x) / kAcross; }

// Combines a number of each of the threads that share a row; all get the result.
template <typename Combine>
STEEPEST_INLINE float acrossRow(float value, Combine combine) {
#pragma unroll
  for (int lanes = kAcross / 2; lanes > 0; lanes /= 2)
    value = combine(value, __shfl_xor_sync(0xffffffffu, value, lanes));
  return value;
}
STEEPEST_INLINE float sumAcrossRow(float value) {
  return acrossRow(value, [](float a, float b) { return a + b; });
}

STEEPEST_INLINE float exponential(float x) { return scalar::vexp(scalar::F(x)).v; }

// The steps of one head.
struct Steps {
  const float* at;
  int64_t step;
  int count, width;

  STEEPEST_INLINE Steps(const AttentionHeads& heads, int64_t n, int head, int count, int width)
      : at(heads.at + n * heads.sample + head * heads.head), step(heads.step), count(count), width(width) {}
};

// Begins to copy kRows steps from `first` on, kWidth features from `column` on, to a tile; zeros for steps that are not there,
// and behind the last feature up to a multiple of four.
template <int kRows, int kWidth>
STEEPEST_INLINE void copyTile(float* tile, const Steps& steps, int first, int column, bool quads) {
  const int width = smaller(steps.width - column, kWidth);
#pragma unroll
  for (int r = threadY(); r < kRows; r += kDown) {
    const bool there = first + r < steps.count;
    const float* const from = steps.at + (there ? (first + r) * steps.step : 0) + column;
    float* const to = tile + r * (kWidth + kAttentionGap);
    for (int c = 4 * threadX(); c < width; c += 4 * kAcross) {
      if (quads) {
        ptx::copyAsync<16>(to + c, from + c, there);
      } else {
        for (int j = c; j < c + 4; ++j) ptx::copyAsync<4>(to + j, from + smaller(j, width - 1), there && j < width);
      }
    }
  }
}

// sums [row][column] += rows . columns over `depth` features of both tiles.
template <int kWidth, int kRows, int kColumns>
STEEPEST_INLINE void addScores(float (&sums)[kRows][kColumns], const float* rows, const float* columns, int depth) {
  constexpr int kRun = kWidth + kAttentionGap;
  rows += threadY() * kRun;
  columns += threadX() * kRun;
#pragma unroll 1
  for (int d = 0; d < depth; d += 4) {
    Quad left[kRows];
#pragma unroll
    for (int i = 0; i < kRows; ++i) left[i] = *reinterpret_cast<const Quad*>(rows + i * kDown * kRun + d);
#pragma unroll
    for (int j = 0; j < kColumns; ++j) {
      const Quad right = *reinterpret_cast<const Quad*>(columns + j * kAcross * kRun + d);
#pragma unroll
      for (int c = 0; c < 4; ++c) {
#pragma unroll
        for (int i = 0; i < kRows; ++i) sums[i][j] = ::fmaf(left[i].x[c], right.x[c], sums[i][j]);
      }
    }
  }
}

// sums [row] += weights [row] tile over `depth` steps of the tile, whose features are the columns.
template <int kWidth, int kKeys, int kRows, int kQuads>
STEEPEST_INLINE void addResults(float (&sums)[kRows][kQuads][4], const float* weights, const float* tile, int depth) {
  constexpr int kRun = kWidth + kAttentionGap, kWeightRun = kKeys + kWeightGap;
  weights += threadY() * kWeightRun;
  tile += 4 * threadX();
#pragma unroll 1
  for (int k = 0; k < depth; k += 4) {
    Quad left[kRows];
#pragma unroll
    for (int i = 0; i < kRows; ++i) left[i] = *reinterpret_cast<const Quad*>(weights + i * kDown * kWeightRun + k);
#pragma unroll
    for (int c = 0; c < 4; ++c) {
#pragma unroll
      for (int j = 0; j < kQuads; ++j) {
        const Quad right = *reinterpret_cast<const Quad*>(tile + (k + c) * kRun + j * 4 * kAcross);
#pragma unroll
        for (int i = 0; i < kRows; ++i) {
#pragma unroll
          for (int f = 0; f < 4; ++f) sums[i][j][f] = ::fmaf(left[i].x[c], right.x[f], sums[i][j][f]);
        }
      }
    }
  }
}

// Weights of a tile, or gradients of its scores, where the threads of the row find them; rounded to bfloat16 or as they are.
template <int kKeys, int kRows, int kColumns>
STEEPEST_INLINE void storeWeights(float* weights, const float (&values)[kRows][kColumns], bool rounds) {
  __syncwarp();  // all have read what was there
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
#pragma unroll
    for (int j = 0; j < kColumns; ++j) {
      weights[(threadY() + i * kDown) * (kKeys + kWeightGap) + threadX() + j * kAcross] =
          rounds ? toBfloat16(values[i][j]) : values[i][j];
    }
  }
  __syncwarp();
}

// Features `column` .. of step r of a head go to result + step(r).
template <int kRows, int kQuads, typename Factor>
STEEPEST_INLINE void storeResults(const float (&sums)[kRows][kQuads][4], float* result, int64_t step, int first,
                                  int count, int column, int width, bool quads, Factor factor) {
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    const int r = first + threadY() + i * kDown;
    if (r >= count) continue;
    const float by = factor(i);
#pragma unroll
    for (int j = 0; j < kQuads; ++j) {
      const int c = column + 4 * (threadX() + j * kAcross);
      float* const to = result + r * step + c;
      if (quads && c < width) {
        *reinterpret_cast<Quad*>(to) = {
            {sums[i][j][0] * by, sums[i][j][1] * by, sums[i][j][2] * by, sums[i][j][3] * by}};
      } else {
#pragma unroll
        for (int f = 0; f < 4; ++f) {
          if (c + f < width) to[f] = sums[i][j][f] * by;
        }
      }
    }
  }
}

template <int kTiles>
STEEPEST_INLINE void attend(const AttentionArguments& a, float* shared) {
  constexpr AttentionTiles kSizes = kAttentionTiles[kTiles];
  constexpr int kWidth = kSizes.width, kQueries = kSizes.queries, kKeys = kSizes.keys, kRun = kWidth + kAttentionGap;
  constexpr int kRows = kQueries / kDown, kColumns = kKeys / kAcross, kQuads = kWidth / 4 / kAcross;
  float *const queries = shared, *const keys = queries + kQueries * kRun, *const values = keys + kKeys * kRun;
  float* const weights = values + kKeys * kRun;

  const int chunks = tilesOf(larger(a.e, 1), kWidth), tiles = tilesOf(a.t, kQueries);
  int64_t block = blockIdx.x;
  const int column = static_cast<int>(block % chunks) * kWidth;
  block /= chunks;
  const int first = (tiles - 1 - static_cast<int>(block % tiles)) * kQueries;  // the last ones see the most
  block /= tiles;
  const int h = static_cast<int>(block % a.h);
  const int64_t n = block / a.h;
  const Steps query(a.query, n, h, a.t, a.d), key(a.key, n, h / (a.h / a.k), a.s, a.d);
  const Steps value(a.value, n, h / (a.h / a.k), a.s, a.e);
  const Sight sight(a, n, h);
  const bool quads = a.quads != 0, wide = kTiles > 0 && a.d > kWidth;
  const int end = a.causal != 0 ? smaller(a.s, first + kQueries) : a.s;

  float results[kRows][kQuads][4] = {}, most[kRows], total[kRows] = {};
#pragma unroll
  for (int i = 0; i < kRows; ++i) most[i] = -INFINITY;
  if (!wide) {
    copyTile<kQueries, kWidth>(queries, query, first, 0, quads);
    copyTile<kKeys, kWidth>(keys, key, 0, 0, quads);
    ptx::closeCopies();
  }
  for (int k0 = 0; k0 < end; k0 += kKeys) {
    float scores[kRows][kColumns] = {};
    for (int d = 0; d == 0 || d < a.d; d += kWidth) {
      if (wide) {
        __syncthreads();
        copyTile<kQueries, kWidth>(queries, query, first, d, quads);
        copyTile<kKeys, kWidth>(keys, key, k0, d, quads);
        ptx::closeCopies();
      }
      ptx::awaitCopies<0>();
      __syncthreads();  // and the values of the tile before have been read
      if (d == 0) {
        copyTile<kKeys, kWidth>(values, value, k0, column, quads);
        ptx::closeCopies();
      }
      addScores<kWidth>(scores, queries, keys, smaller(a.d - d, kWidth));
    }
    __syncthreads();
    if (!wide) {
      if (k0 + kKeys < end) copyTile<kKeys, kWidth>(keys, key, k0 + kKeys, 0, quads);
      ptx::closeCopies();
    }
    const bool all = sight.seesAll(first, kQueries, k0, kKeys);
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
#pragma unroll
      for (int j = 0; j < kColumns; ++j) scores[i][j] *= a.scale;
      if (!all) {
#pragma unroll
        for (int j = 0; j < kColumns; ++j) {
          const bool seen = sight.sees(first + threadY() + i * kDown, k0 + threadX() + j * kAcross);
          scores[i][j] = seen ? scores[i][j] : -INFINITY;
        }
      }
      float top = -INFINITY;
#pragma unroll
      for (int j = 0; j < kColumns; ++j) top = scores[i][j] > top ? scores[i][j] : top;
      // NaN is left out, as it shows in the sums.
      const float now = acrossRow(larger(most[i], top), [](float x, float y) { return x > y ? x : y; });
      const float shift = now == -INFINITY ? 0.0f : now;
      if (now != most[i]) {
        const float fade = exponential(most[i] - shift);
        most[i] = now;
        total[i] *= fade;
#pragma unroll
        for (int j = 0; j < kQuads; ++j) {
#pragma unroll
          for (int f = 0; f < 4; ++f) results[i][j][f] *= fade;
        }
      }
      float sum = 0;
#pragma unroll
      for (int j = 0; j < kColumns; ++j) {
        scores[i][j] = exponential(scores[i][j] - shift);
        sum += scores[i][j];
      }
      total[i] += sum;
    }
    storeWeights<kKeys>(weights, scores, a.bfloat16 != 0);
    if (wide) {
      ptx::awaitCopies<0>();
    } else {
      ptx::awaitCopies<1>();  // the next keys may still be on their way
    }
    __syncthreads();
    addResults<kWidth, kKeys>(results, weights, values, smaller(end - k0, kKeys));
  }
  ptx::awaitCopies<0>();
#pragma unroll
  for (int i = 0; i < kRows; ++i) total[i] = sumAcrossRow(total[i]);
  storeResults(results, a.y + (n * a.t * a.h + h) * a.e, static_cast<int64_t>(a.h) * a.e, first, a.t, column, a.e,
               a.resultQuads != 0, [&](int i) { return total[i] == 0.0f ? 0.0f : 1.0f / total[i]; });
  if (column > 0 || threadX() > 0) return;
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    const int t = first + threadY() + i * kDown;
    if (t >= a.t) continue;
    a.logSum[(n * a.h + h) * a.t + t] = total[i] == 0.0f ? INFINITY : most[i] + scalar::vlog(scalar::F(total[i])).v;
  }
}

// With p = exp(scores scale - logSum), dp = dy value^T and ds = p (dp - sum(p dp)) scale: dquery = ds key, or with kKeysDown,
// dkey = ds^T query and dvalue = p^T dy over all heads that ask. Rows of a block are queries, or with kKeysDown keys, and
// it goes through tiles of the others, the columns.
template <bool kKeysDown, int kTiles>
STEEPEST_INLINE void attendBack(const AttentionArguments& a, float* shared) {
  constexpr AttentionTiles kSizes = kAttentionTiles[kTiles];
  constexpr int kWidth = kSizes.width, kRun = kWidth + kAttentionGap;
  constexpr int kBlockRows = kSizes.gradientRows, kBlockColumns = kSizes.gradientColumns;
  constexpr int kRows = kBlockRows / kDown, kColumns = kBlockColumns / kAcross, kQuads = kWidth / 4 / kAcross;
  // Of D features: queries and keys. Of E features: dy and values.
  float *const rowsD = shared, *const rowsE = rowsD + kBlockRows * kRun;
  float *const columnsD = rowsE + kBlockRows * kRun, *const columnsE = columnsD + kBlockColumns * kRun;
  float* const weights = columnsE + kBlockColumns * kRun;

  const int rows = kKeysDown ? a.s : a.t, columns = kKeysDown ? a.t : a.s, shares = a.h / a.k;
  const int chunks = tilesOf(larger(kKeysDown ? larger(a.d, a.e) : a.d, 1), kWidth),
            rowTiles = tilesOf(rows, kBlockRows);
  int64_t block = blockIdx.x;
  const int column = static_cast<int>(block % chunks) * kWidth;
  block /= chunks;
  int tile = static_cast<int>(block % rowTiles);
  if (!kKeysDown) tile = rowTiles - 1 - tile;  // what sees, or is seen by, the most begins
  const int first = tile * kBlockRows;
  block /= rowTiles;
  const int64_t heads = kKeysDown ? a.k : a.h, n = block / heads;
  const int head = static_cast<int>(block % heads), firstQueryHead = kKeysDown ? head * shares : head;
  const Steps rowD(kKeysDown ? a.key : a.query, n, head, rows, a.d);
  const Steps rowE(kKeysDown ? a.value : a.dy, n, head, rows, a.e);
  const bool quads = a.quads != 0, wide = kTiles > 0 && larger(a.d, a.e) > kWidth;

  // Tiles of columns, one head after the other.
  const int begin = kKeysDown && a.causal != 0 ? first / kBlockColumns * kBlockColumns : 0;
  const int end = !kKeysDown && a.causal != 0 ? smaller(columns, first + kBlockRows) : columns;
  const int columnTiles = larger(tilesOf(end - begin, kBlockColumns), 0),
            items = columnTiles * (kKeysDown ? shares : 1);
  const auto firstColumn = [&](int item) { return begin + item % columnTiles * kBlockColumns; };
  const auto columnsOf = [&](const AttentionHeads& byQuery, const AttentionHeads& byKey, int item, int width) {
    const int queryHead = firstQueryHead + item / columnTiles;
    return Steps(kKeysDown ? byQuery : byKey, n, kKeysDown ? queryHead : head / shares, columns, width);
  };
  const auto copyColumnsD = [&](int item, int feature) {
    copyTile<kBlockColumns, kWidth>(columnsD, columnsOf(a.query, a.key, item, a.d), firstColumn(item), feature, quads);
    ptx::closeCopies();
  };
  const auto copyColumnsE = [&](int item, int feature) {
    copyTile<kBlockColumns, kWidth>(columnsE, columnsOf(a.dy, a.value, item, a.e), firstColumn(item), feature, quads);
    ptx::closeCopies();
  };
  // One more for a wide head, of which a tile has a part.
  const auto bring = [&](auto copy, int item, int feature) {
    __syncthreads();
    copy(item, feature);
    ptx::awaitCopies<0>();
    __syncthreads();
  };

  float resultsD[kRows][kQuads][4] = {}, resultsE[kKeysDown ? kRows : 1][kQuads][4] = {};
  if (!wide && items > 0) {
    copyTile<kBlockRows, kWidth>(rowsE, rowE, first, 0, quads);
    copyColumnsE(0, 0);
    copyTile<kBlockRows, kWidth>(rowsD, rowD, first, 0, quads);
    copyColumnsD(0, 0);
  }
  // sum(p dp) is sum(y dy). Where all keys are at hand, it is rounded like the terms it is taken from.
  const bool single = a.s <= kBlockColumns;
  const int64_t queries = a.n * a.h * a.t;
  float mean[kRows] = {}, rest[kRows] = {}, logSum[kRows];
  if (!kKeysDown) {
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const int t = first + threadY() + i * kDown;
      logSum[i] = t < a.t ? a.logSum[(n * a.h + head) * a.t + t] : INFINITY;
      if (single) continue;
      const float* const y = a.y + ((n * a.t + t) * a.h + head) * a.e;
      const float* const dy = rowE.at + t * rowE.step;
      float sum = 0;
      for (int e = threadX(); e < a.e && t < a.t; e += kAcross) sum = ::fmaf(y[e], dy[e], sum);
      mean[i] = sumAcrossRow(sum);
    }
  }

  for (int item = 0; item < items; ++item) {
    const int c0 = firstColumn(item), queryHead = firstQueryHead + item / columnTiles;
    float gradients[kRows][kColumns] = {}, scores[kRows][kColumns] = {};
    for (int e = 0; e == 0 || e < a.e; e += kWidth) {
      if (wide) {
        __syncthreads();
        copyTile<kBlockRows, kWidth>(rowsE, rowE, first, e, quads);
        copyColumnsE(item, e);
        ptx::awaitCopies<0>();
      } else {
        ptx::awaitCopies<1>();
      }
      __syncthreads();
      addScores<kWidth>(gradients, rowsE, columnsE, smaller(a.e - e, kWidth));
    }
    for (int d = 0; d == 0 || d < a.d; d += kWidth) {
      if (wide) {
        __syncthreads();
        copyTile<kBlockRows, kWidth>(rowsD, rowD, first, d, quads);
        copyColumnsD(item, d);
      }
      ptx::awaitCopies<0>();
      __syncthreads();
      addScores<kWidth>(scores, rowsD, columnsD, smaller(a.d - d, kWidth));
    }

    const Sight sight(a, n, queryHead);
    const bool all = kKeysDown ? sight.seesAll(c0, kBlockColumns, first, kBlockRows)
                               : sight.seesAll(first, kBlockRows, c0, kBlockColumns);
    const int64_t firstQuery = (n * a.h + queryHead) * a.t;
#pragma unroll
    for (int j = 0; j < kColumns; ++j) {
      const int c = c0 + threadX() + j * kAcross;
      const float ofColumn = kKeysDown && c < a.t ? a.logSum[firstQuery + c] : 0;
#pragma unroll
      for (int i = 0; i < kRows; ++i) {
        scores[i][j] = exponential(::fmaf(scores[i][j], a.scale, -(kKeysDown ? ofColumn : logSum[i])));
      }
    }
    if (!all) {
#pragma unroll
      for (int i = 0; i < kRows; ++i) {
        const int r = first + threadY() + i * kDown;
#pragma unroll
        for (int j = 0; j < kColumns; ++j) {
          const int c = c0 + threadX() + j * kAcross;
          scores[i][j] = (kKeysDown ? sight.sees(c, r) : sight.sees(r, c)) ? scores[i][j] : 0.0f;
        }
      }
    }
    if (!kKeysDown && single) {
      // p adds up to 1 but for its rounding errors, which are much alike in a row.
#pragma unroll
      for (int i = 0; i < kRows; ++i) {
        float sum = 0, weighted = 0, left = 0;
#pragma unroll
        for (int j = 0; j < kColumns; ++j) {
          sum += scores[i][j];
          weighted += scores[i][j] == 0.0f ? 0.0f : scores[i][j] * gradients[i][j];
        }
        sum = sumAcrossRow(sum);
        weighted = sumAcrossRow(weighted);
        mean[i] = sum > 0 ? weighted / sum : 0;
#pragma unroll
        for (int j = 0; j < kColumns; ++j) {
          left += scores[i][j] == 0.0f ? 0.0f : scores[i][j] * (gradients[i][j] - mean[i]);
        }
        left = sumAcrossRow(left);
        rest[i] = sum > 0 ? left / sum : 0;
      }
    }
    if constexpr (kKeysDown) {
      storeWeights<kBlockColumns>(weights, scores, a.bfloat16 != 0);
      if (wide && column < a.e) bring(copyColumnsE, item, column);
      if (column < a.e)
        addResults<kWidth, kBlockColumns>(resultsE, weights, columnsE, smaller(end - c0, kBlockColumns));
    }
    __syncthreads();
    if (!wide) {
      if (item + 1 < items) {
        copyColumnsE(item + 1, 0);
      } else {
        ptx::closeCopies();
      }
    }
#pragma unroll
    for (int j = 0; j < kColumns; ++j) {
      const int c = c0 + threadX() + j * kAcross;
      const bool there = kKeysDown && c < a.t;
      const float meanOfColumn = there ? a.means[firstQuery + c] : 0;
      const float restOfColumn = there ? a.means[queries + firstQuery + c] : 0;
#pragma unroll
      for (int i = 0; i < kRows; ++i) {
        const float p = scores[i][j], m = kKeysDown ? meanOfColumn : mean[i], r = kKeysDown ? restOfColumn : rest[i];
        scores[i][j] = p == 0.0f ? 0.0f : p * ((gradients[i][j] - m) - r) * a.scale;
      }
    }
    storeWeights<kBlockColumns>(weights, scores, a.bfloat16 != 0);
    if (column < a.d) {
      if (wide) bring(copyColumnsD, item, column);
      addResults<kWidth, kBlockColumns>(resultsD, weights, columnsD, smaller(end - c0, kBlockColumns));
    }
    if (!wide) {
      __syncthreads();
      if (item + 1 < items) copyColumnsD(item + 1, 0);
    }
  }
  ptx::awaitCopies<0>();
  const auto whole = [](int) { return 1.0f; };
  const auto store = [&](const auto& results, float* to, int width) {
    storeResults(results, to + (n * rows * heads + head) * width, heads * width, first, rows, column, width,
                 a.resultQuads != 0, whole);
  };
  store(resultsD, kKeysDown ? a.dkey : a.dquery, a.d);
  if constexpr (kKeysDown) {
    store(resultsE, a.dvalue, a.e);
  } else if (column == 0 && threadX() == 0) {
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const int t = first + threadY() + i * kDown;
      if (t >= a.t) continue;
      a.means[(n * a.h + head) * a.t + t] = mean[i];
      a.means[queries + (n * a.h + head) * a.t + t] = rest[i];
    }
  }
}

}  // namespace

// So many blocks have room in the shared memory of a multiprocessor: 227 KB, or 100 KB.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1200
#define STEEPEST_ROOM(blocks) 1
#else
#define STEEPEST_ROOM(blocks) blocks
#endif
// Named by the widest head that is in shared memory as a whole. The key gradients need the means that the query gradients leave.
#define STEEPEST_ATTENTION(name, blocks, function)                                                      \
  STEEPEST_TILED_KERNEL(kAttentionThreads, STEEPEST_ROOM(blocks), name, AttentionArguments arguments) { \
    STEEPEST_DYNAMIC_SHARED(shared);                                                                    \
    function(arguments, reinterpret_cast<float*>(shared));                                              \
  }
STEEPEST_ATTENTION(attention64, 3, attend<0>)
STEEPEST_ATTENTION(attention128, 2, attend<1>)
STEEPEST_ATTENTION(attentionQueryGrad64, 2, (attendBack<false, 0>))
STEEPEST_ATTENTION(attentionQueryGrad128, 3, (attendBack<false, 1>))
STEEPEST_ATTENTION(attentionKeyGrad64, 2, (attendBack<true, 0>))
STEEPEST_ATTENTION(attentionKeyGrad128, 3, (attendBack<true, 1>))

// Operands rounded to bfloat16, without gaps: as float32 [N, steps, heads, features].
STEEPEST_KERNEL(attentionRound, AttentionOperand a) {
  float* const to = static_cast<float*>(a.to);
  STEEPEST_EACH(i, a.n * a.steps * a.heads * a.features) {
    const int64_t feature = i % a.features, head = i / a.features % a.heads;
    const int64_t step = i / a.features / a.heads % a.steps, n = i / a.features / a.heads / a.steps;
    to[i] = toBfloat16(a.from.at[n * a.from.sample + step * a.from.step + head * a.from.head + feature]);
  }
}

}  // namespace steepest::cuda
