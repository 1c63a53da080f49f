// Attention of operands rounded to bfloat16, on tensor cores (mma.sync), for heads that a tile holds whole; what attention.cu
// says of its way goes for this one. Operands are rounded to memory first, as every block reads all keys. A warp has
// 16 rows or 32, whose scores are fragments in its registers, and so are the weights that the next product takes: they are
// rounded where they are. Sums, exponentials and what is subtracted from them are float32.
#include "attention_fragments.h"
#include "bfloat16.h"

namespace steepest::cuda {
namespace {

// Begins to copy kRows steps from `first` on to a tile; zeros for steps that are not there.
template <int kRows, int kWidth>
STEEPEST_INLINE void copyTile(uint16_t* tile, const uint16_t* head, int first, int count) {
  constexpr int kPieces = kWidth / 8;
#pragma unroll
  for (int i = 0; i < kRows * kPieces / kAttentionThreads; ++i) {
    const int at = i * kAttentionThreads + static_cast<int>(threadIdx.x), r = at / kPieces, piece = at % kPieces;
    const bool there = first + r < count;
    const uint16_t* const from = head + (there ? static_cast<int64_t>(first + r) * kWidth : 0);
    ptx::copyAsync<16>(tile + r * (kWidth + kPackedGap) + piece * 8, from + piece * 8, there);
  }
}

// Which row of which of four matrices this lane names to ldmatrix. Operands that lie along the features, on the left and on the
// right, and a right one that lies along its columns.
template <int kWidth>
struct Fragments {
  static constexpr int kRun = kWidth + kPackedGap;
  int left, right, across;
  STEEPEST_INLINE Fragments() {
    const int which = laneOf() / 8, line = laneOf() % 8;
    left = (which % 2 * 8 + line) * kRun + which / 2 * 8;
    right = (which / 2 * 8 + line) * kRun + which % 2 * 8;
    across = left;
  }
};

// sums [row][column] += rows . columns over the features of both tiles; kDown fragments of rows.
template <int kWidth, int kDown, int kColumns>
STEEPEST_INLINE void addScores(float (&sums)[kDown][kColumns / 4][2], const uint16_t* rows, const uint16_t* columns,
                               int features) {
  const Fragments<kWidth> at;
#pragma unroll 2
  for (int k = 0; k < features; k += 16) {
    uint32_t left[kDown][4];
#pragma unroll
    for (int m = 0; m < kDown; ++m) ptx::loadMatrices<false>(left[m], rows + m * 16 * at.kRun + at.left + k);
#pragma unroll
    for (int j = 0; j < kColumns / 8; j += 2) {
      uint32_t right[4];
      ptx::loadMatrices<false>(right, columns + j * 8 * at.kRun + at.right + k);
#pragma unroll
      for (int m = 0; m < kDown; ++m) {
        ptx::multiplyBfloat16(sums[m] + 2 * j, left[m], right);
        ptx::multiplyBfloat16(sums[m] + 2 * j + 2, left[m], right + 2);
      }
    }
  }
}

// sums [row] += weights [row] tile, whose features are the columns.
template <int kWidth, int kDown, int kColumns>
STEEPEST_INLINE void addResults(float (&sums)[kDown][kWidth / 4][2], const float (&weights)[kDown][kColumns / 4][2],
                                const uint16_t* tile) {
  const Fragments<kWidth> at;
#pragma unroll
  for (int k = 0; k < kColumns / 16; ++k) {
    uint32_t left[kDown][4];
#pragma unroll
    for (int m = 0; m < kDown; ++m) {
#pragma unroll
      for (int i = 0; i < 4; ++i) left[m][i] = ptx::packBfloat16(weights[m][4 * k + i][0], weights[m][4 * k + i][1]);
    }
#pragma unroll
    for (int j = 0; j < kWidth / 8; j += 2) {
      uint32_t right[4];
      ptx::loadMatrices<true>(right, tile + k * 16 * at.kRun + at.across + j * 8);
#pragma unroll
      for (int m = 0; m < kDown; ++m) {
        ptx::multiplyBfloat16(sums[m] + 2 * j, left[m], right);
        ptx::multiplyBfloat16(sums[m] + 2 * j + 2, left[m], right + 2);
      }
    }
  }
}

template <int kTiles>
STEEPEST_INLINE void attend(const AttentionArguments& a, uint16_t* shared) {
  constexpr AttentionMmaTiles kSizes = kAttentionMmaTiles[kTiles];
  constexpr int kWidth = kSizes.width, kDown = kSizes.queries, kKeys = kSizes.keys, kRun = kWidth + kPackedGap;
  constexpr int kQueries = kDown * kMmaRows, kScores = kKeys / 8, kFeatures = kWidth / 8;
  uint16_t *const queries = shared, *const keys = queries + kQueries * kRun, *const values = keys + kKeys * kRun;

  const int tiles = tilesOf(a.t, kQueries);
  int64_t block = blockIdx.x;
  const int first = (tiles - 1 - static_cast<int>(block % tiles)) * kQueries;  // the last ones see the most
  block /= tiles;
  const int h = static_cast<int>(block % a.h);
  const int64_t n = block / a.h, keyHead = n * a.k + h / (a.h / a.k);
  const uint16_t* const key = a.packedKey + keyHead * a.s * kWidth;
  const uint16_t* const value = a.packedValue + keyHead * a.s * kWidth;
  const Sight sight(a, n, h);
  const int end = a.causal != 0 ? smaller(a.s, first + kQueries) : a.s;
  const int warpRow = warpOf() * 16 * kDown;

  float results[kDown][2 * kFeatures][2] = {}, most[kDown][2], total[kDown][2] = {};
#pragma unroll
  for (int m = 0; m < kDown; ++m) most[m][0] = most[m][1] = -INFINITY;
  copyTile<kQueries, kWidth>(queries, a.packedQuery + (n * a.h + h) * a.t * kWidth, first, a.t);
  copyTile<kKeys, kWidth>(keys, key, 0, a.s);
  ptx::closeCopies();
  for (int k0 = 0; k0 < end; k0 += kKeys) {
    float scores[kDown][2 * kScores][2] = {};
    ptx::awaitCopies<0>();
    __syncthreads();  // and the values of the tile before have been read
    copyTile<kKeys, kWidth>(values, value, k0, a.s);
    ptx::closeCopies();
    addScores<kWidth, kDown, kKeys>(scores, queries + warpRow * kRun, keys, a.d);
    __syncthreads();
    if (k0 + kKeys < end) copyTile<kKeys, kWidth>(keys, key, k0 + kKeys, a.s);
    ptx::closeCopies();
    const bool all = sight.seesAll(first, kQueries, k0, kKeys);
#pragma unroll
    for (int m = 0; m < kDown; ++m) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const int query = first + warpRow + m * 16 + i * 8 + rowOf();
#pragma unroll
        for (int j = 0; j < kScores; ++j) {
          scores[m][2 * j + i][0] *= a.scale;
          scores[m][2 * j + i][1] *= a.scale;
        }
        if (!all) hide<false>(scores[m], i, -INFINITY, sight, query, k0);
        const float fade = weigh(scores[m], i, kLog2E, &most[m][i], &total[m][i]);
#pragma unroll
        for (int j = 0; j < kFeatures; ++j) {
          results[m][2 * j + i][0] *= fade;
          results[m][2 * j + i][1] *= fade;
        }
      }
    }
    ptx::awaitCopies<1>();  // the next keys may still be on their way
    __syncthreads();
    addResults<kWidth, kDown, kKeys>(results, scores, values);
  }
  ptx::awaitCopies<0>();
#pragma unroll
  for (int m = 0; m < kDown; ++m) {
#pragma unroll
    for (int i = 0; i < 2; ++i) total[m][i] = sumAcrossRow(total[m][i]);
  }
  storeResults(results, a.y + (n * a.t * a.h + h) * a.e, static_cast<int64_t>(a.h) * a.e, first + warpRow, a.t, a.e,
               a.resultQuads != 0, [&](int m, int i) { return total[m][i] == 0.0f ? 0.0f : 1.0f / total[m][i]; });
  if (pairOf() > 0) return;
#pragma unroll
  for (int m = 0; m < kDown; ++m) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int t = first + warpRow + m * 16 + i * 8 + rowOf();
      if (t >= a.t) continue;
      a.logSum[(n * a.h + h) * a.t + t] =
          total[m][i] == 0.0f ? INFINITY : most[m][i] + scalar::vlog(scalar::F(total[m][i])).v;
    }
  }
}

// As attendBack of attention.cu.
template <bool kKeysDown, int kTiles>
STEEPEST_INLINE void attendBack(const AttentionArguments& a, uint16_t* shared) {
  constexpr AttentionMmaTiles kSizes = kAttentionMmaTiles[kTiles];
  constexpr int kWidth = kSizes.width, kRun = kWidth + kPackedGap, kDown = kSizes.gradientRows;
  constexpr int kBlockRows = kDown * kMmaRows, kColumns = kSizes.gradientColumns;
  constexpr int kScores = kColumns / 8, kFeatures = kWidth / 8;
  // Of D features: queries and keys. Of E features: dy and values.
  uint16_t *const rowsD = shared, *const rowsE = rowsD + kBlockRows * kRun;
  uint16_t *const columnsD = rowsE + kBlockRows * kRun, *const columnsE = columnsD + kColumns * kRun;
  // Of the queries, where they are the columns: logSum, mean and rest.
  float* const statistics = reinterpret_cast<float*>(columnsE + kColumns * kRun);

  const int rows = kKeysDown ? a.s : a.t, columns = kKeysDown ? a.t : a.s, shares = a.h / a.k;
  const int rowTiles = tilesOf(rows, kBlockRows);
  int64_t block = blockIdx.x;
  int tile = static_cast<int>(block % rowTiles);
  if (!kKeysDown) tile = rowTiles - 1 - tile;  // what sees, or is seen by, the most begins
  const int first = tile * kBlockRows, warpRow = warpOf() * 16 * kDown;
  block /= rowTiles;
  const int64_t heads = kKeysDown ? a.k : a.h, n = block / heads;
  const int head = static_cast<int>(block % heads), firstQueryHead = kKeysDown ? head * shares : head;

  // Tiles of columns, one head after the other.
  const int begin = kKeysDown && a.causal != 0 ? first / kColumns * kColumns : 0;
  const int end = !kKeysDown && a.causal != 0 ? smaller(columns, first + kBlockRows) : columns;
  const int columnTiles = larger(tilesOf(end - begin, kColumns), 0), items = columnTiles * (kKeysDown ? shares : 1);
  const int64_t queries = a.n * a.h * a.t;
  const auto firstColumn = [&](int item) { return begin + item % columnTiles * kColumns; };
  const auto firstQuery = [&](int item) { return (n * a.h + firstQueryHead + item / columnTiles) * a.t; };
  const auto copyColumnsD = [&](int item) {
    copyTile<kColumns, kWidth>(
        columnsD,
        kKeysDown ? a.packedQuery + firstQuery(item) * kWidth : a.packedKey + (n * a.k + head / shares) * a.s * kWidth,
        firstColumn(item), columns);
    ptx::closeCopies();
  };
  const auto copyColumnsE = [&](int item) {
    copyTile<kColumns, kWidth>(
        columnsE,
        kKeysDown ? a.packedDy + firstQuery(item) * kWidth : a.packedValue + (n * a.k + head / shares) * a.s * kWidth,
        firstColumn(item), columns);
    const int i = static_cast<int>(threadIdx.x);
    if (kKeysDown && i < kColumns) {
      const bool there = firstColumn(item) + i < columns;
      const int64_t at = firstQuery(item) + (there ? firstColumn(item) + i : 0);
      ptx::copyAsync<4>(statistics + i, a.logSum + at, there);
      ptx::copyAsync<4>(statistics + kColumns + i, a.means + at, there);
      ptx::copyAsync<4>(statistics + 2 * kColumns + i, a.means + queries + at, there);
    }
    ptx::closeCopies();
  };

  float resultsD[kDown][2 * kFeatures][2] = {}, resultsE[kKeysDown ? kDown : 1][2 * kFeatures][2] = {};
  if (items > 0) {
    const int64_t rowHead = (n * heads + head) * rows;
    copyTile<kBlockRows, kWidth>(rowsE, (kKeysDown ? a.packedValue : a.packedDy) + rowHead * kWidth, first, rows);
    copyColumnsE(0);
    copyTile<kBlockRows, kWidth>(rowsD, (kKeysDown ? a.packedKey : a.packedQuery) + rowHead * kWidth, first, rows);
    copyColumnsD(0);
  }
  const float scale = a.scale * kLog2E;
  const bool single = a.s <= kColumns;
  float logSum[kDown][2], mean[kDown][2] = {}, rest[kDown][2] = {};
  if (!kKeysDown) {
#pragma unroll
    for (int m = 0; m < kDown; ++m) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const int t = first + warpRow + m * 16 + i * 8 + rowOf();
        logSum[m][i] = t < a.t ? a.logSum[(n * a.h + head) * a.t + t] : INFINITY;
        if (single) continue;
        mean[m][i] = sumOfProducts(a.y + ((n * a.t + t) * a.h + head) * a.e,
                                   a.packedDy + ((n * a.h + head) * a.t + t) * kWidth, t < a.t ? a.e : 0);
      }
    }
  }

  for (int item = 0; item < items; ++item) {
    const int c0 = firstColumn(item);
    float gradients[kDown][2 * kScores][2] = {}, scores[kDown][2 * kScores][2] = {};
    ptx::awaitCopies<1>();
    __syncthreads();
    addScores<kWidth, kDown, kColumns>(gradients, rowsE + warpRow * kRun, columnsE, a.e);
    ptx::awaitCopies<0>();
    __syncthreads();
    addScores<kWidth, kDown, kColumns>(scores, rowsD + warpRow * kRun, columnsD, a.d);

    const Sight sight(a, n, firstQueryHead + item / columnTiles);
    const bool all =
        kKeysDown ? sight.seesAll(c0, kColumns, first, kBlockRows) : sight.seesAll(first, kBlockRows, c0, kColumns);
#pragma unroll
    for (int m = 0; m < kDown; ++m) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const int r = first + warpRow + m * 16 + i * 8 + rowOf();
#pragma unroll
        for (int j = 0; j < kScores; ++j) {
#pragma unroll
          for (int c = 0; c < 2; ++c) {
            const float minus = kKeysDown ? statistics[8 * j + pairOf() + c] : logSum[m][i];
            float& s = scores[m][2 * j + i][c];
            s = ptx::powerOfTwo(::fmaf(s, scale, -minus * kLog2E));
          }
        }
        if (!all) hide<kKeysDown>(scores[m], i, 0.0f, sight, r, c0);
        if (!kKeysDown && single) {
          float sum = 0, weighted = 0, left = 0;
#pragma unroll
          for (int j = 0; j < 2 * kScores; ++j) {
            const float p = scores[m][2 * (j / 2) + i][j % 2], g = gradients[m][2 * (j / 2) + i][j % 2];
            sum += p;
            weighted += p == 0.0f ? 0.0f : p * g;
          }
          sum = sumAcrossRow(sum);
          weighted = sumAcrossRow(weighted);
          mean[m][i] = sum > 0 ? weighted / sum : 0;
#pragma unroll
          for (int j = 0; j < 2 * kScores; ++j) {
            const float p = scores[m][2 * (j / 2) + i][j % 2], g = gradients[m][2 * (j / 2) + i][j % 2];
            left += p == 0.0f ? 0.0f : p * (g - mean[m][i]);
          }
          left = sumAcrossRow(left);
          rest[m][i] = sum > 0 ? left / sum : 0;
        }
#pragma unroll
        for (int j = 0; j < kScores; ++j) {
#pragma unroll
          for (int c = 0; c < 2; ++c) {
            const int column = 8 * j + pairOf() + c;
            const float minus = kKeysDown ? statistics[kColumns + column] : mean[m][i];
            const float left = kKeysDown ? statistics[2 * kColumns + column] : rest[m][i];
            const float p = scores[m][2 * j + i][c];
            float& g = gradients[m][2 * j + i][c];
            g = p == 0.0f ? 0.0f : p * ((g - minus) - left) * a.scale;
          }
        }
      }
    }
    if constexpr (kKeysDown) addResults<kWidth, kDown, kColumns>(resultsE, scores, columnsE);
    __syncthreads();
    if (item + 1 < items) {
      copyColumnsE(item + 1);
    } else {
      ptx::closeCopies();
    }
    addResults<kWidth, kDown, kColumns>(resultsD, gradients, columnsD);
    __syncthreads();
    if (item + 1 < items) copyColumnsD(item + 1);
  }
  ptx::awaitCopies<0>();
  const auto whole = [](int, int) { return 1.0f; };
  const auto store = [&](const auto& results, float* to, int width) {
    storeResults(results, to + (n * rows * heads + head) * width, heads * width, first + warpRow, rows, width,
                 a.resultQuads != 0, whole);
  };
  store(resultsD, kKeysDown ? a.dkey : a.dquery, a.d);
  if constexpr (kKeysDown) {
    store(resultsE, a.dvalue, a.e);
  } else if (pairOf() == 0) {
#pragma unroll
    for (int m = 0; m < kDown; ++m) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const int t = first + warpRow + m * 16 + i * 8 + rowOf();
        if (t >= a.t) continue;
        a.means[(n * a.h + head) * a.t + t] = mean[m][i];
        a.means[queries + (n * a.h + head) * a.t + t] = rest[m][i];
      }
    }
  }
}

struct alignas(16) Words {
  uint32_t x[4];
};

}  // namespace

#define STEEPEST_ATTENTION(name, blocks, function)                                       \
  STEEPEST_TILED_KERNEL(kAttentionThreads, blocks, name, AttentionArguments arguments) { \
    STEEPEST_DYNAMIC_SHARED(shared);                                                     \
    function(arguments, reinterpret_cast<uint16_t*>(shared));                            \
  }
STEEPEST_ATTENTION(attentionMma64, 2, attend<0>)
STEEPEST_ATTENTION(attentionMma128, 2, attend<1>)
STEEPEST_ATTENTION(attentionMmaQueryGrad64, 2, (attendBack<false, 0>))
STEEPEST_ATTENTION(attentionMmaQueryGrad128, 3, (attendBack<false, 1>))
STEEPEST_ATTENTION(attentionMmaKeyGrad64, 2, (attendBack<true, 0>))
STEEPEST_ATTENTION(attentionMmaKeyGrad128, 2, (attendBack<true, 1>))

// An operand as these kernels take it, see AttentionArguments: a thread for eight neighbours.
STEEPEST_KERNEL(attentionPack, AttentionOperand a) {
  const int64_t pieces = a.width / 8;
  STEEPEST_EACH(i, a.n * a.heads * a.steps * pieces) {
    const int64_t feature = i % pieces * 8, step = i / pieces % a.steps;
    const int64_t head = i / pieces / a.steps % a.heads, n = i / pieces / a.steps / a.heads;
    const float* const from = a.from.at + n * a.from.sample + step * a.from.step + head * a.from.head + feature;
    float x[8];
#pragma unroll
    for (int j = 0; j < 8; j += 4) {
      if (a.quads != 0 && feature + j < a.features) {
        const Quad quad = *reinterpret_cast<const Quad*>(from + j);
#pragma unroll
        for (int c = 0; c < 4; ++c) x[j + c] = quad.x[c];
      } else {
#pragma unroll
        for (int c = j; c < j + 4; ++c) x[c] = feature + c < a.features ? from[c] : 0.0f;
      }
    }
    static_cast<Words*>(a.to)[i] = {{ptx::packBfloat16(x[0], x[1]), ptx::packBfloat16(x[2], x[3]),
                                     ptx::packBfloat16(x[4], x[5]), ptx::packBfloat16(x[6], x[7])}};
  }
}

}  // namespace steepest::cuda
