// Attention of operands rounded to bfloat16 on the tensor cores of compute capability 9.0, see attention_pipeline.h; attention_mma.cu
// says what it computes. While the weights of a tile are multiplied with its values, the scores of the next tile become
// weights. The two warp groups take turns at asking for products, so that one has its exponentials while the other's
// products go on.
#include "attention_pipeline.h"

namespace steepest::cuda {

#ifdef STEEPEST_HAS_WGMMA
namespace {

template <int kTiles>
struct Forward {
  static constexpr AttentionWgmmaTiles kSizes = kAttentionWgmma[0][kTiles];
  static constexpr int kWidth = kSizes.width, kKeys = kSizes.columns;
  using Memory = AttentionMemory<kWidth, kSizes.operands, kKeys, kSizes.stages>;
  using Stage = typename Memory::Stage;

  const AttentionWgmmaArguments& arguments;
  const AttentionArguments& a;
  const Memory memory;

  STEEPEST_INLINE Forward(const AttentionWgmmaArguments& arguments, unsigned char* shared)
      : arguments(arguments), a(arguments.attention), memory{shared} {}

  STEEPEST_INLINE Walk walk() const { return {a.n * a.h, tilesOf(a.t, kAttentionWgmmaRows), arguments.together, true}; }
  // Tiles of keys that queries see.
  STEEPEST_INLINE int tilesFor(int first) const {
    return tilesOf(a.causal != 0 ? smaller(a.s, first + kAttentionWgmmaRows) : a.s, kKeys);
  }

  STEEPEST_INLINE void prefetch() const {
    ptx::prefetch(&arguments.rowsD);
    ptx::prefetch(&arguments.columnsD);
    ptx::prefetch(&arguments.columnsE);
  }

  // One thread.
  STEEPEST_INLINE void copy() const {
    Stage stage;
    uint32_t phase = 0;
    for (Walk w = walk(); w.more(); w.next(), phase ^= 1u) {
      const int head = w.head(), keyHead = head / (a.h / a.k), first = w.first(), tiles = tilesFor(first);
      ptx::awaitPhase(memory.rowsEmpty(), phase ^ 1u);
      ptx::arriveExpecting(memory.rowsFull(), Memory::kRowBytes);
      askFor<kWidth, kAttentionWgmmaRows>(memory.rows(kD), &arguments.rowsD, first, head, memory.rowsFull());
      for (int tile = 0; tile < tiles; ++tile, stage.next()) {
        for (const Which which : {kD, kE}) {
          uint64_t* const full = memory.full(which, stage.stage);
          ptx::awaitPhase(memory.empty(which, stage.stage), stage.phase ^ 1u);
          ptx::arriveExpecting(full, Memory::kColumnBytes);
          askFor<kWidth, kKeys>(memory.columns(which, stage.stage),
                                which == kD ? &arguments.columnsD : &arguments.columnsE, tile * kKeys, keyHead, full);
        }
      }
    }
  }

  // A warp group, for its 64 rows of each tile.
  STEEPEST_INLINE void multiply(int group) const {
    const int thread = static_cast<int>(threadIdx.x) % 128;
    const bool arrives = laneOf() == 0;
    const float unit = a.scale * kLog2E;
    Stage keys, values;
    uint32_t rowsPhase = 0, turnPhase = group == 0 ? 1 : 0;  // the first group begins
    for (Walk w = walk(); w.more(); w.next(), rowsPhase ^= 1u) {
      const int head = w.head();
      const int firstRow = w.first(), tiles = tilesFor(firstRow),
                row = firstRow + group * 64 + thread / 32 * 16 + rowOf();
      const Sight sight(a, head / a.h, head % a.h);
      const unsigned char* const queries = memory.rows(kD, group);
      float results[1][kWidth / 4][2], scores[kKeys / 4][2], most[2] = {-INFINITY, -INFINITY}, total[2] = {}, fade[2];
      uint32_t weights[kKeys / 16][4];

      const auto weighTile = [&](int tile) {
        const bool all = sight.seesAll(firstRow + group * 64, 64, tile * kKeys, kKeys);
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          if (!all) hide<false>(scores, i, -INFINITY, sight, row + 8 * i, tile * kKeys);
          fade[i] = weigh(scores, i, unit, &most[i], &total[i]);
        }
      };
      const auto packWeights = [&] {
#pragma unroll
        for (int j = 0; j < kKeys / 4; ++j) weights[j / 4][j % 4] = ptx::packNormalBfloat16(scores[j][0], scores[j][1]);
      };

      ptx::awaitPhase(memory.rowsFull(), rowsPhase);
      ptx::awaitPhase(memory.full(kD, keys.stage), keys.phase);
      ptx::fenceProducts();
      multiplyScores<kWidth, kKeys>(scores, queries, memory.columns(kD, keys.stage));
      ptx::closeProducts();
      ptx::awaitProducts<0>();
      ptx::readProducts(scores);
      if (arrives) ptx::arrive(memory.empty(kD, keys.stage));
      keys.next();
      weighTile(0);
      packWeights();
      for (int tile = 1; tile < tiles; ++tile) {
        ptx::awaitPhase(memory.full(kD, keys.stage), keys.phase);
        ptx::awaitPhase(memory.full(kE, values.stage), values.phase);
        ptx::awaitPhase(memory.turn(group), turnPhase);
        ptx::fenceProducts();
        multiplyScores<kWidth, kKeys>(scores, queries, memory.columns(kD, keys.stage));
        ptx::closeProducts();
        ptx::fenceProducts();
        multiplyWeights<kWidth, kKeys>(results[0], weights, memory.columns(kE, values.stage), tile > 1);
        ptx::closeProducts();
        if (arrives) ptx::arrive(memory.turn(1 - group));
        turnPhase ^= 1u;
        ptx::awaitProducts<1>();
        ptx::readProducts(scores);
        if (arrives) ptx::arrive(memory.empty(kD, keys.stage));
        keys.next();
        weighTile(tile);
        ptx::awaitProducts<0>();
        ptx::readProducts(results[0]);
        if (arrives) ptx::arrive(memory.empty(kE, values.stage));
        values.next();
#pragma unroll
        for (int j = 0; j < kWidth / 4; ++j) {
          results[0][j][0] *= fade[j % 2];
          results[0][j][1] *= fade[j % 2];
        }
        packWeights();
      }
      if (arrives) ptx::arrive(memory.rowsEmpty());
      ptx::awaitPhase(memory.full(kE, values.stage), values.phase);
      ptx::fenceProducts();
      multiplyWeights<kWidth, kKeys>(results[0], weights, memory.columns(kE, values.stage), tiles > 1);
      ptx::closeProducts();
      ptx::awaitProducts<0>();
      ptx::readProducts(results[0]);
      if (arrives) ptx::arrive(memory.empty(kE, values.stage));
      values.next();

#pragma unroll
      for (int i = 0; i < 2; ++i) total[i] = sumAcrossRow(total[i]);
      float* const y = a.y + (int64_t{head / a.h} * a.t * a.h + head % a.h) * a.e;
      storeResults(results, y, static_cast<int64_t>(a.h) * a.e, row - rowOf(), a.t, a.e, a.resultQuads != 0,
                   [&](int, int i) { return total[i] == 0.0f ? 0.0f : 1.0f / total[i]; });
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        if (pairOf() > 0 || row + 8 * i >= a.t) continue;
        a.logSum[int64_t{head} * a.t + row + 8 * i] =
            total[i] == 0.0f ? INFINITY : ::fmaf(most[i], a.scale, scalar::vlog(scalar::F(total[i])).v);
      }
    }
  }
};

}  // namespace
#define STEEPEST_ATTEND(tiles)     \
  STEEPEST_DYNAMIC_SHARED(shared); \
  attendTo(Forward<tiles>(arguments, shared));
#else
#define STEEPEST_ATTEND(tiles)
#endif

#define STEEPEST_ATTENTION(name, tiles) \
  STEEPEST_TILED_KERNEL(kAttentionWgmmaThreads, 1, name, AttentionWgmmaArguments arguments) { STEEPEST_ATTEND(tiles) }
STEEPEST_ATTENTION(attentionWgmma64, 0)
STEEPEST_ATTENTION(attentionWgmma128, 1)

}  // namespace steepest::cuda
