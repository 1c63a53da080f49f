// Gradients of attention on the tensor cores of compute capability 9.0, see attention_pipeline.h; attendBack of attention.cu says
// what is computed. A launch has queries for rows, and leaves sum(p dp) of each for the next, which has keys. Scores and
// gradients of weights are products of shared memory; from them come, in registers, the left operands of the others.
#include "attention_pipeline.h"

namespace steepest::cuda {

#ifdef STEEPEST_HAS_WGMMA
namespace {

template <bool kKeysDown, int kTiles>
struct Backward {
  static constexpr AttentionWgmmaTiles kSizes = kAttentionWgmma[kKeysDown ? 2 : 1][kTiles];
  static constexpr int kWidth = kSizes.width, kColumns = kSizes.columns, kStages = kSizes.stages;
  // The last products of a tile go on during the next one, if registers are enough for that.
  static constexpr bool kGoesOn = !kKeysDown || kWidth == 64;
  using Memory = AttentionMemory<kWidth, kSizes.operands, kColumns, kStages>;
  using Stage = typename Memory::Stage;

  const AttentionWgmmaArguments& arguments;
  const AttentionArguments& a;
  const Memory memory;

  STEEPEST_INLINE Backward(const AttentionWgmmaArguments& arguments, unsigned char* shared)
      : arguments(arguments), a(arguments.attention), memory{shared} {}

  STEEPEST_INLINE int rows() const { return kKeysDown ? a.s : a.t; }
  STEEPEST_INLINE int columns() const { return kKeysDown ? a.t : a.s; }
  STEEPEST_INLINE int heads() const { return kKeysDown ? a.k : a.h; }  // of the rows
  STEEPEST_INLINE Walk walk() const {
    return {a.n * heads(), tilesOf(rows(), kAttentionWgmmaRows), arguments.together, !kKeysDown};
  }

  // Tiles of columns for some rows, one head after the other.
  struct Items {
    int begin, tiles, count, firstHead;

    STEEPEST_INLINE Items(const Backward& b, int first, int head) {
      const AttentionArguments& a = b.a;
      const int shares = a.h / a.k;
      begin = kKeysDown && a.causal != 0 ? first / kColumns * kColumns : 0;
      const int end = !kKeysDown && a.causal != 0 ? smaller(b.columns(), first + kAttentionWgmmaRows) : b.columns();
      tiles = larger(tilesOf(end - begin, kColumns), 0);
      count = tiles * (kKeysDown ? shares : 1);
      firstHead = kKeysDown ? head * shares : head / shares;
    }
    STEEPEST_INLINE int first(int item) const { return begin + item % tiles * kColumns; }
    STEEPEST_INLINE int head(int item) const { return firstHead + item / tiles; }
  };

  STEEPEST_INLINE void prefetch() const {
    for (const TensorMap* const map : {&arguments.rowsD, &arguments.rowsE, &arguments.columnsD, &arguments.columnsE}) {
      ptx::prefetch(map);
    }
  }

  // One thread.
  STEEPEST_INLINE void copy() const {
    Stage stage;
    uint32_t phase = 0;
    for (Walk w = walk(); w.more(); w.next()) {
      const int head = w.head();
      const Items items(*this, w.first(), head);
      if (items.count == 0) continue;
      ptx::awaitPhase(memory.rowsEmpty(), phase ^ 1u);
      ptx::arriveExpecting(memory.rowsFull(), 2 * Memory::kRowBytes);
      askFor<kWidth, kAttentionWgmmaRows>(memory.rows(kD), &arguments.rowsD, w.first(), head, memory.rowsFull());
      askFor<kWidth, kAttentionWgmmaRows>(memory.rows(kE), &arguments.rowsE, w.first(), head, memory.rowsFull());
      phase ^= 1u;
      for (int item = 0; item < items.count; ++item, stage.next()) {
        for (const Which which : {kD, kE}) {
          uint64_t* const full = memory.full(which, stage.stage);
          ptx::awaitPhase(memory.empty(which, stage.stage), stage.phase ^ 1u);
          constexpr uint32_t kStatisticBytes = kKeysDown ? 2 * kColumns * sizeof(float) : 0;
          ptx::arriveExpecting(full, Memory::kColumnBytes + (which == kD ? kStatisticBytes : 0));
          if (kKeysDown && which == kD) {
            static_assert(!kKeysDown || kColumns == kQueriesTogether, "are neighbours");
            ptx::copyBytes(memory.statistics(stage.stage), statisticsOf(items.head(item), items.first(item)),
                           kStatisticBytes, full);
          }
          askFor<kWidth, kColumns>(memory.columns(which, stage.stage),
                                   which == kD ? &arguments.columnsD : &arguments.columnsE, items.first(item),
                                   items.head(item), full);
        }
      }
    }
  }

  // Of a query, and those behind it up to a multiple of kQueriesTogether.
  STEEPEST_INLINE float* statisticsOf(int head, int query) const {
    constexpr int kTogether = kQueriesTogether;
    return arguments.statistics + (int64_t{head} * tilesOf(a.t, kTogether) + query / kTogether) * 2 * kTogether +
           query % kTogether;
  }

  // A warp group, for its 64 rows of each tile.
  STEEPEST_INLINE void multiply(int group) const {
    const int thread = static_cast<int>(threadIdx.x) % 128;
    const bool arrives = laneOf() == 0;
    const float unit = a.scale * kLog2E;
    Stage stage;
    uint32_t rowsPhase = 0;
    for (Walk w = walk(); w.more(); w.next()) {
      const int head = w.head();
      const int groupRow = w.first() + group * 64, row = groupRow + thread / 32 * 16 + rowOf();
      const Items items(*this, w.first(), head);
      float resultsD[1][kWidth / 4][2] = {}, resultsE[1][kKeysDown ? kWidth / 4 : 1][2] = {};
      float logSum[2] = {}, mean[2] = {};  // of rows
      if constexpr (!kKeysDown) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          const int t = row + 8 * i;
          logSum[i] = t < a.t ? a.logSum[int64_t{head} * a.t + t] * kLog2E : 0.0f;
          mean[i] = sumOfProducts(a.y + ((int64_t{head / a.h} * a.t + t) * a.h + head % a.h) * a.e,
                                  a.packedDy + (int64_t{head} * a.t + t) * kWidth, t < a.t ? a.e : 0);
          if (pairOf() == 0 && t < a.t) {
            float* const statistics = statisticsOf(head, t);
            statistics[0] = logSum[i];
            statistics[kQueriesTogether] = mean[i];
          }
        }
      }
      if (items.count > 0) {
        ptx::awaitPhase(memory.rowsFull(), rowsPhase);
        rowsPhase ^= 1u;
      }
      uint32_t weights[kKeysDown ? kColumns / 16 : 1][4], toScores[kColumns / 16][4];
      for (int item = 0; item < items.count; ++item) {
        float scores[kColumns / 4][2], gradients[kColumns / 4][2];
        ptx::awaitPhase(memory.full(kD, stage.stage), stage.phase);
        ptx::awaitPhase(memory.full(kE, stage.stage), stage.phase);
        if constexpr (kKeysDown && kGoesOn) {
          ptx::awaitProducts<1>();  // those with the last weights
          if (item > 0 && arrives) ptx::arrive(memory.empty(kE, stage.before()));
        }
        ptx::fenceProducts();
        multiplyScores<kWidth, kColumns>(scores, memory.rows(kD, group), memory.columns(kD, stage.stage));
        ptx::closeProducts();
        ptx::fenceProducts();
        multiplyScores<kWidth, kColumns>(gradients, memory.rows(kE, group), memory.columns(kE, stage.stage));
        ptx::closeProducts();
        ptx::awaitProducts<kGoesOn ? 1 : 0>();  // and all of the columns before
        ptx::readProducts(scores);
        if constexpr (!kGoesOn) ptx::readProducts(gradients);
        if (kGoesOn && item > 0 && arrives) ptx::arrive(memory.empty(kD, stage.before()));

        const int c0 = items.first(item);
        const float* const statistics = memory.statistics(stage.stage);
        const int queryHead = kKeysDown ? items.head(item) : head;
        const Sight sight(a, queryHead / a.h, queryHead % a.h);
        const bool all =
            kKeysDown ? sight.seesAll(c0, kColumns, groupRow, 64) : sight.seesAll(groupRow, 64, c0, kColumns);
#pragma unroll
        for (int j = 0; j < kColumns / 4; ++j) {
#pragma unroll
          for (int c = 0; c < 2; ++c) {
            const float minus = kKeysDown ? statistics[j / 2 * 8 + pairOf() + c] : logSum[j % 2];
            scores[j][c] = ptx::powerOfTwo(::fmaf(scores[j][c], unit, -minus));
          }
        }
        if (!all) {
#pragma unroll
          for (int i = 0; i < 2; ++i) hide<kKeysDown>(scores, i, 0.0f, sight, row + 8 * i, c0);
        }
        if constexpr (kKeysDown) {
#pragma unroll
          for (int j = 0; j < kColumns / 4; ++j) {
            weights[j / 4][j % 4] = ptx::packNormalBfloat16(scores[j][0], scores[j][1]);
          }
          ptx::fenceProducts();
          multiplyWeights<kWidth, kColumns>(resultsE[0], weights, memory.columns(kE, stage.stage), true);
          ptx::closeProducts();
        }
        if constexpr (kGoesOn) {
          ptx::awaitProducts<kKeysDown ? 1 : 0>();
          ptx::readProducts(gradients);
          if (!kKeysDown && arrives) ptx::arrive(memory.empty(kE, stage.stage));
        }
#pragma unroll
        for (int j = 0; j < kColumns / 4; ++j) {
#pragma unroll
          for (int c = 0; c < 2; ++c) {
            const float minus = kKeysDown ? statistics[kColumns + j / 2 * 8 + pairOf() + c] : mean[j % 2];
            const float p = scores[j][c];
            gradients[j][c] = p == 0.0f ? 0.0f : p * (gradients[j][c] - minus) * a.scale;
          }
          toScores[j / 4][j % 4] = ptx::packBfloat16(gradients[j][0], gradients[j][1]);
        }
        if constexpr (kKeysDown) {
          ptx::fenceCopies();  // the statistics have been read
          __syncwarp();
        }
        ptx::fenceProducts();
        multiplyWeights<kWidth, kColumns>(resultsD[0], toScores, memory.columns(kD, stage.stage), true);
        ptx::closeProducts();
        if constexpr (!kGoesOn) {
          ptx::awaitProducts<0>();
          ptx::readProducts(resultsD[0]);
          ptx::readProducts(resultsE[0]);
          if (arrives) {
            ptx::arrive(memory.empty(kD, stage.stage));
            ptx::arrive(memory.empty(kE, stage.stage));
          }
        }
        stage.next();
      }
      ptx::awaitProducts<0>();
      ptx::readProducts(resultsD[0]);
      if constexpr (kKeysDown) ptx::readProducts(resultsE[0]);
      if (items.count > 0 && arrives) {
        ptx::arrive(memory.rowsEmpty());
        if (kGoesOn) ptx::arrive(memory.empty(kD, stage.before()));
        if (kKeysDown && kGoesOn) ptx::arrive(memory.empty(kE, stage.before()));
      }
      const auto store = [&](const auto& results, float* to, int width) {
        storeResults(results, to + (int64_t{head / heads()} * rows() * heads() + head % heads()) * width,
                     int64_t{heads()} * width, row - rowOf(), rows(), width, a.resultQuads != 0,
                     [](int, int) { return 1.0f; });
      };
      store(resultsD, kKeysDown ? a.dkey : a.dquery, a.d);
      if constexpr (kKeysDown) store(resultsE, a.dvalue, a.e);
    }
  }
};

}  // namespace
#define STEEPEST_ATTEND_BACK(keysDown, tiles) \
  STEEPEST_DYNAMIC_SHARED(shared);            \
  attendTo(Backward<keysDown, tiles>(arguments, shared));
#else
#define STEEPEST_ATTEND_BACK(keysDown, tiles)
#endif

#define STEEPEST_ATTENTION(name, keysDown, tiles)                                             \
  STEEPEST_TILED_KERNEL(kAttentionWgmmaThreads, 1, name, AttentionWgmmaArguments arguments) { \
    STEEPEST_ATTEND_BACK(keysDown, tiles)                                                     \
  }
STEEPEST_ATTENTION(attentionWgmmaQueryGrad64, false, 0)
STEEPEST_ATTENTION(attentionWgmmaQueryGrad128, false, 1)
STEEPEST_ATTENTION(attentionWgmmaKeyGrad64, true, 0)
STEEPEST_ATTENTION(attentionWgmmaKeyGrad128, true, 1)

}  // namespace steepest::cuda
