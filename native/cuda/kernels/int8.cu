// Products of rows that are rounded to int8 and int8 matrices, on tensor cores (mma.sync). Sums are exact, so no order of them
// shows.
#include "gemm_loop.h"
#include "gemm_strip.h"
#include "int8.h"
#include "ptx.h"
#include "scalar.h"

namespace steepest::cuda {

// x = q step with q in -127 .. 127, see lib/ir/int8.ts: to the nearest, to even. A warp has a row.
STEEPEST_KERNEL(quantizeRows, QuantizeArguments a) {
  const int64_t lane = threadIdx.x % 32, warps = static_cast<int64_t>(gridDim.x) * (blockDim.x / 32);
  for (int64_t row = static_cast<int64_t>(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32; row < a.m; row += warps) {
    const float* const x = reinterpret_cast<const float*>(a.a.data + a.loopStep * a.a.slide) + row * a.a.strides[0];
    float largest = 0;
    for (int64_t k = lane; k < a.k; k += 32) {
      const float magnitude = ::fabsf(x[k * a.a.strides[1]]);
      largest = largest != largest || largest > magnitude ? largest : magnitude;  // a NaN stays
    }
#pragma unroll
    for (int lanes = 16; lanes > 0; lanes /= 2) {
      const float other = __shfl_xor_sync(0xffffffffu, largest, lanes);
      largest = largest != largest || largest > other ? largest : other;
    }
    const bool finite = largest <= 3.40282347e38f;
    const bool none = !finite || largest < 7.88860905e-31f;  // 2^-100
    const float factor = none ? 0.0f : 127.0f / largest;
    if (lane == 0) a.steps[row] = !finite ? ::nanf("") : none ? 0.0f : largest / 127.0f;
    for (int64_t k = lane * 4; k < a.run; k += 32 * 4) {
      uint32_t word = 0;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const float v = none || k + j >= a.k ? 0.0f : ::rintf(x[(k + j) * a.a.strides[1]] * factor);
        word |= static_cast<uint32_t>(static_cast<uint8_t>(static_cast<int8_t>(v))) << 8 * j;
      }
      *reinterpret_cast<uint32_t*>(a.rows + row * a.run + k) = word;
    }
  }
}

namespace {

// Four words of a thread.
struct alignas(16) Words {
  uint32_t x[4];
};

// A tile of an operand on its way to shared memory, where it is [row][kInt8Depth] with a gap behind each row. What a thread has:
// kAlongK, 16 neighbours along k of a row each; otherwise four neighbours along the rows of four k each, which turn on the way.
template <int kRows, bool kAlongK, int kThreads>
struct StagedBytes {
  static constexpr int kRun = kInt8Depth + 16;  // spreads the eight rows that ldmatrix reads over all banks
  static constexpr int kEach = kRows * kInt8Depth / 16 / kThreads;
  static_assert(kRows * kInt8Depth / 16 % kThreads == 0);
  Words words[kEach];

  // Rows or columns and k of item i. Warps of those that turn read 32 bytes beside each other, of 16 k.
  static STEEPEST_INLINE int row(int i) {
    const int q = i * kThreads + static_cast<int>(threadIdx.x);
    return kAlongK ? q / 4 : (q / 32 % (kRows / 32) * 8 + q % 8) * 4;
  }
  static STEEPEST_INLINE int depth(int i) {
    const int q = i * kThreads + static_cast<int>(threadIdx.x);
    return kAlongK ? q % 4 * 16 : (q / 32 / (kRows / 32) * 4 + q / 8 % 4) * 4;
  }

  // Element (row, k) lies at p[row * rowStride + k * depthStride]. `whole`: the neighbours are aligned words.
  STEEPEST_INLINE void load(const int8_t* p, int64_t rowStride, int64_t depthStride, int64_t firstRow, int64_t rows,
                            int64_t firstDepth, int64_t depths, bool whole) {
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      const int64_t r = firstRow + row(i), d = firstDepth + depth(i);
      const int8_t* const from = p + r * rowStride + d * depthStride;
      words[i] = Words{};
      if (kAlongK) {
        if (whole && r < rows && d + 16 <= depths) {
          words[i] = *reinterpret_cast<const Words*>(from);
        } else {
#pragma unroll
          for (int j = 0; j < 16; ++j) {
            if (r < rows && d + j < depths) words[i].x[j / 4] |= byteAt(from + j * depthStride) << j % 4 * 8;
          }
        }
      } else {
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          if (d + j >= depths) continue;
          if (whole && r + 4 <= rows) {
            words[i].x[j] = *reinterpret_cast<const uint32_t*>(from + j * depthStride);
          } else {
#pragma unroll
            for (int c = 0; c < 4; ++c) {
              if (r + c < rows) words[i].x[j] |= byteAt(from + j * depthStride + c * rowStride) << 8 * c;
            }
          }
        }
      }
    }
  }

  STEEPEST_INLINE void store(unsigned char* tile) const {
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      unsigned char* const to = tile + row(i) * kRun + depth(i);
      if (kAlongK) {
        *reinterpret_cast<Words*>(to) = words[i];
      } else {
#pragma unroll
        for (int c = 0; c < 4; ++c) {
          uint32_t turned = 0;
#pragma unroll
          for (int j = 0; j < 4; ++j) turned |= (words[i].x[j] >> 8 * c & 0xffu) << 8 * j;
          *reinterpret_cast<uint32_t*>(to + c * kRun) = turned;
        }
      }
    }
  }

 private:
  static STEEPEST_INLINE uint32_t byteAt(const int8_t* p) { return static_cast<uint8_t>(*p); }
};

// Warps stand kDown x kAcross in a tile of kRows x kColumns.
template <int kRows_, int kColumns_, int kDown, int kAcross, bool kBAlongK>
struct Int8Tile {
  static constexpr int kRows = kRows_, kColumns = kColumns_, kDepth = kInt8Depth;
  static constexpr int kThreads = 32 * kDown * kAcross;
  static constexpr int kM = kRows / kDown / 16, kN = kColumns / kAcross / 8;  // products of a warp
  using StagedA = StagedBytes<kRows, true, kThreads>;
  using StagedB = StagedBytes<kColumns, kBAlongK, kThreads>;
  static constexpr int kRun = StagedA::kRun;

  unsigned char *const tilesA, *const tilesB;  // two of each
  const int firstRow, firstColumn;
  int32_t sums[kM * kN * 2][2] = {};  // two runs of each product

  STEEPEST_INLINE explicit Int8Tile(unsigned char* shared)
      : tilesA(shared),
        tilesB(shared + 2 * kRows * kRun),
        firstRow(static_cast<int>(threadIdx.x) / 32 / kAcross * (kRows / kDown)),
        firstColumn(static_cast<int>(threadIdx.x) / 32 % kAcross * (kColumns / kAcross)) {}

  STEEPEST_INLINE void store(int to, StagedA& a, StagedB& b) {
    a.store(tilesA + to * kRows * kRun);
    b.store(tilesB + to * kColumns * kRun);
  }

  STEEPEST_INLINE void multiply(int from) {
    // Which row of which matrix of 8 rows x 16 bytes this lane names: A's go down first, B's along k.
    const int lane = static_cast<int>(threadIdx.x) % 32, which = lane / 8, line = lane % 8;
    const unsigned char* const a = tilesA + (from * kRows + firstRow + which % 2 * 8 + line) * kRun + which / 2 * 16;
    const unsigned char* const b =
        tilesB + (from * kColumns + firstColumn + which / 2 * 8 + line) * kRun + which % 2 * 16;
#pragma unroll
    for (int k = 0; k < kDepth; k += 32) {
      uint32_t left[kM][4], right[kN * 2];
#pragma unroll
      for (int i = 0; i < kM; ++i) ptx::loadMatrices<false>(left[i], a + i * 16 * kRun + k);
#pragma unroll
      for (int j = 0; j < kN; j += 2) ptx::loadMatrices<false>(right + 2 * j, b + j * 8 * kRun + k);
#pragma unroll
      for (int i = 0; i < kM; ++i) {
#pragma unroll
        for (int j = 0; j < kN; ++j) ptx::multiplyInt8(sums + (i * kN + j) * 2, left[i], right + 2 * j);
      }
    }
  }

  // As in gemm_mma.h; `asBits`: whole numbers still, as floats with their bits.
  static constexpr int kTurns = kM, kRowStep = WarpStrip::kRowStep;
  static_assert(kN == 4 && kThreads / 32 * kStripBytes <= 2 * (kRows + kColumns) * kRun);
  STEEPEST_INLINE void take(int turn, bool asBits, float (&quads)[4][4]) const {
    const WarpStrip strip(tilesA, static_cast<int>(threadIdx.x) / 32);
    __syncwarp();
#pragma unroll
    for (int i = 0; i < kM; ++i) {
      if (i != turn) continue;
      float runs[kN * 2][2];
#pragma unroll
      for (int n = 0; n < kN * 4; ++n) {
        const int32_t sum = sums[i * kN * 2 + n / 2][n % 2];
        runs[n / 2][n % 2] = asBits ? scalar::sameBits<float>(sum) : static_cast<float>(sum);
      }
      strip.put(runs);
    }
    __syncwarp();
    strip.get(quads);
  }
  STEEPEST_INLINE Place placeOf(int turn) const {
    return {firstRow + turn * 16 + WarpStrip::row(), firstColumn + WarpStrip::column()};
  }
};

template <typename Tile>
STEEPEST_INLINE void multiplyInt8Matrices(const MatmulInt8Arguments& arguments, unsigned char* shared) {
  using A = typename Tile::StagedA;
  using B = typename Tile::StagedB;
  const GemmArguments& g = arguments.product;
  const GemmTile tile(g, blockIdx.x, Tile::kRows, Tile::kColumns);
  const int8_t* const b = slid(arguments.b, arguments.loopStep * g.bSlide);
  Tile product(shared);
  sumProducts(product, tile.firstDepth, tile.lastDepth, [&](int64_t depth, A& nextA, B& nextB) {
    // Rows are whole up to their last multiple of 16, and end with zeros.
    nextA.load(arguments.rows, arguments.run, 1, tile.row, g.m, depth, arguments.run, true);
    nextB.load(b, g.bColumn, g.bDepth, tile.column, g.n, depth, tile.lastDepth, g.bQuads != 0);
  });
  // Parts are sums of whole numbers still.
  const bool parts = g.parts > 1;
#pragma unroll 1
  for (int turn = 0; turn < Tile::kTurns; ++turn) {
    float quads[4][4];
    product.take(turn, parts, quads);
    const Place at = product.placeOf(turn);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int64_t row = tile.row + at.row + i * Tile::kRowStep;
      if (parts || row >= g.m) continue;
      const float step = arguments.steps[row];
#pragma unroll
      for (int j = 0; j < 4; ++j) quads[i][j] *= step;
    }
    finishAndStore<false, Tile::kRowStep>(g, arguments.loopStep, tile, at, quads);
  }
}

}  // namespace

// Named by the tile and by how b lies: N along its rows or not at all, T along k.
#define STEEPEST_INT8(rows, columns, down, across, form, bAlongK)                                         \
  STEEPEST_TILED_KERNEL(32 * (down) * (across), 1, int8##rows##x##columns##form, MatmulInt8Arguments a) { \
    STEEPEST_DYNAMIC_SHARED(shared);                                                                      \
    multiplyInt8Matrices<Int8Tile<rows, columns, down, across, bAlongK>>(a, shared);                      \
  }
STEEPEST_INT8(128, 128, 2, 4, N, false)
STEEPEST_INT8(128, 128, 2, 4, T, true)
STEEPEST_INT8(64, 64, 2, 2, N, false)
STEEPEST_INT8(64, 64, 2, 2, T, true)

STEEPEST_KERNEL(int8Parts, MatmulInt8Arguments arguments) {
  const GemmArguments& g = arguments.product;
  const int32_t* const sums = reinterpret_cast<const int32_t*>(g.sums);
  STEEPEST_EACH(i, g.size) {
    int32_t sum = sums[i];
    for (int64_t part = 1; part < g.parts; ++part) sum += sums[part * g.size + i];
    const float v = static_cast<float>(sum) * arguments.steps[i / g.n];
    slid(g.c, arguments.loopStep * g.cSlide)[i] = finished(g.finish, arguments.loopStep, v, i % g.n, i);
  }
}

}  // namespace steepest::cuda
