#include "gemm.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "kernels/gemm_wgmma.h"

namespace steepest::cuda {
namespace {

constexpr int64_t kLeastDepth = 256;  // of a part of k

int64_t tilesOf(int64_t size, int64_t edge) { return (size + edge - 1) / edge; }

struct Tiles {
  const char* name;
  GemmShape shape;
  int threads;
  uint32_t sharedBytes = 0;
  int members = 0;  // of a cluster, of wgmma only

  WgmmaKernel wgmma() const { return {name, shape.columns, members}; }
};

// Whether quads along one axis, whose other strides these are, begin at multiples of their size.
bool inQuads(const Numbers& p, int64_t slide, int64_t stride, const int64_t* batch, int rank) {
  const uint64_t bytes = p.narrow ? 8 : 16;
  return (reinterpret_cast<uintptr_t>(p.at) | static_cast<uint64_t>(slide)) % bytes == 0 && stride % 4 == 0 &&
         std::all_of(batch, batch + rank, [](int64_t s) { return s % 4 == 0; });
}

// How the operands lie: along k or along their other axis; neither is for the simple kernel.
enum class Form { kNN, kNT, kTN, kTT, kOther };
Form formOf(const GemmArguments& g) {
  const bool aAlongK = g.aDepth == 1, aAlongM = g.aRow == 1 || g.m == 1;
  const bool bAlongN = g.bColumn == 1, bAlongK = g.bDepth == 1 || g.k == 1;
  if (!(aAlongK || aAlongM) || !(bAlongN || bAlongK)) return Form::kOther;
  return aAlongK ? (bAlongN ? Form::kNN : Form::kNT) : bAlongN ? Form::kTN : Form::kTT;
}

bool isAlongK(Form form, int operand) { return form == (operand == 0 ? Form::kNN : Form::kTT) || form == Form::kNT; }

void launch(const Tiles& tiles, Form form, GemmArguments g, Binder& binder) {
  cutIntoParts(&g, tiles.shape, binder);
  if (tiles.members != 0) {
    addWgmma(tiles.wgmma(), isAlongK(form, 0), isAlongK(form, 1), g, binder);
  } else {
    binder.blocksSliding(tiles.name, tilesOf(g, tiles.shape), g, tiles.threads, tiles.sharedBytes);
  }
  addParts(g, binder);
}

// With large tiles, which read less than small ones.
bool fillsDevice(const GemmArguments& g) { return fillsDevice(g, {128, 128, 0}); }

// Best first.
std::vector<Tiles> float32Tiles(const GemmArguments& g, Form form) {
  static constexpr const char* names[][4] = {{"gemm128x128NN", "gemm128x128NT", "gemm128x128TN", nullptr},
                                             {"gemm64x64NN", "gemm64x64NT", "gemm64x64TN", "gemm64x64TT"},
                                             {"gemm32x128NN", "gemm32x128NT", "gemm32x128TN", nullptr},
                                             {"gemm128x32NN", "gemm128x32NT", "gemm128x32TN", nullptr}};
  static constexpr GemmShape shapes[] = {{128, 128, 8}, {64, 64, 16}, {32, 128, 16}, {128, 32, 16}};
  enum { kWide, kSmall, kLow, kNarrow };
  const auto tiles = [&](int i) { return Tiles{names[i][static_cast<size_t>(form)], shapes[i], 256}; };
  if (form == Form::kTT) return {tiles(kSmall)};
  const int best = g.m <= 32 && g.n > 32                    ? kLow
                   : g.n <= 32 && g.m > 32                  ? kNarrow
                   : g.m > 64 && g.n > 64 && fillsDevice(g) ? kWide
                                                            : kSmall;
  std::vector<Tiles> all = {tiles(best)};
  for (const int other : {kWide, kSmall, kLow, kNarrow}) {
    if (other != best) all.push_back(tiles(other));
  }
  return all;
}

std::vector<Tiles> mmaTiles(const GemmArguments& g, Form form) {
  static constexpr const char* names[][2][4] = {
      {{"mma128x128NN", "mma128x128NT", "mma128x128TN", nullptr},
       {"mma64x64NN", "mma64x64NT", "mma64x64TN", "mma64x64TT"}},
      {{"tf32Mma128x128NN", "tf32Mma128x128NT", "tf32Mma128x128TN", nullptr},
       {"tf32Mma64x64NN", "tf32Mma64x64NT", "tf32Mma64x64TN", "tf32Mma64x64TT"}}};
  static constexpr int64_t edges[] = {128, 64};
  static constexpr int threads[] = {256, 128};
  enum { kWide, kSmall };
  const auto tiles = [&](int i) {
    const GemmShape shape = {edges[i], edges[i], mmaDepth(g)};
    return Tiles{names[g.tf32][i][static_cast<size_t>(form)], shape, threads[i],
                 mmaBytes(shape, isAlongK(form, 0), isAlongK(form, 1))};
  };
  if (form == Form::kTT) return {tiles(kSmall)};
  const int best = g.m > 64 && g.n > 64 && fillsDevice(g) ? kWide : kSmall;
  return {tiles(best), tiles(kWide + kSmall - best)};
}

// Of operands rounded to bfloat16 or tf32.
std::vector<Tiles> tensorCoreTiles(const GemmArguments& g, Form form, Device& device) {
  std::vector<Tiles> all = mmaTiles(g, form);
  if (form == Form::kTT || !canWgmma(g, device)) return all;
  // Rounding the operands is a pass over each of them, which many sums for each number of them make up for.
  static constexpr const char* wgmmaNames[][3] = {{"pairWgmma128x256NN", "pairWgmma128x256NT", "pairWgmma128x256TN"},
                                                  {"wgmma128x256NN", "wgmma128x256NT", "wgmma128x256TN"},
                                                  {"wgmma128x128NN", "wgmma128x128NT", "wgmma128x128TN"}};
  static constexpr const char* tf32Names[] = {"pairTf32Wgmma128x256", "tf32Wgmma128x256", "tf32Wgmma128x128"};
  enum { kPairs, kWide, kNarrow };
  const auto wgmma = [&](int i) {
    const char* const name = g.tf32 != 0 ? tf32Names[i] : wgmmaNames[i][static_cast<size_t>(form)];
    const GemmShape shape = {kWgmmaRows, i == kNarrow ? 128 : 256, g.tf32 != 0 ? kWgmmaDepthTf32 : kWgmmaDepth};
    return Tiles{name, shape, 0, 0, i == kPairs ? kWgmmaPair : 1};
  };
  const bool wide = g.n > 128 && tilesOf(g.m, 128) * tilesOf(g.n, 256) * g.batch.size >= kBlocksWanted;
  std::vector<Tiles> able = {wgmma(wide ? kWide : kNarrow), wgmma(wide ? kNarrow : kWide)};
  // Tiles above each other have the same part of b, which comes once for both.
  if (tilesOf(g.m, kWgmmaRows) % kWgmmaPair == 0 && wgmmaBlocks(wgmma(kPairs).wgmma(), device) != 0) {
    able.insert(wide ? able.begin() : able.end(), wgmma(kPairs));
  }
  const bool large = g.m >= 128 && g.n >= 128 && g.k >= 128 && g.m * g.n * g.k >= kWgmmaWork / g.batch.size;
  all.insert(large ? all.begin() : all.end(), able.begin(), able.end());
  return all;
}

}  // namespace

std::string wantedKernel() {
  const char* const text = std::getenv("STEEPEST_CUDA_PRODUCTS");
  return text != nullptr ? text : "";
}

int64_t tilesOf(const GemmArguments& g, const GemmShape& shape) {
  return tilesOf(g.m, shape.rows) * tilesOf(g.n, shape.columns) * g.batch.size * g.parts;
}

bool fillsDevice(const GemmArguments& g, const GemmShape& shape) {
  return tilesOf(g, shape) * std::max<int64_t>(g.k / kLeastDepth, 1) >= kBlocksWanted;
}

bool isAligned(const void* p, int64_t slide) {
  return (reinterpret_cast<uintptr_t>(p) | static_cast<uintptr_t>(slide)) % 16 == 0;
}

bool canQuads(const GemmArguments& g) {
  const GemmFinish& f = g.finish;
  return g.n % 4 == 0 && isAligned(g.c, g.cSlide) && isAligned(f.added, f.addedSlide) && isAligned(f.gate, f.gateSlide);
}

void cutIntoParts(GemmArguments* g, const GemmShape& shape, Binder& binder) {
  const int64_t wanted = std::min(kBlocksWanted / std::max<int64_t>(tilesOf(*g, shape), 1), g->k / kLeastDepth);
  if (wanted < 2) return;
  g->partDepth = tilesOf(tilesOf(g->k, wanted), shape.depth) * shape.depth;
  g->parts = tilesOf(g->k, g->partDepth);
  if (g->parts > 1)
    g->sums = reinterpret_cast<float*>(binder.scratch(static_cast<uint64_t>(g->parts * g->size) * sizeof(float)));
}

void addParts(const GemmArguments& g, Binder& binder) {
  if (g.parts > 1) binder.eachSliding("gemmParts", g.size, g);
}

int64_t mmaDepth(const GemmArguments& g) { return g.tf32 != 0 ? 16 : 32; }

uint32_t mmaBytes(const GemmShape& shape, bool aAlongK, bool bAlongK) {
  const int64_t numberBytes = 64 / shape.depth;
  const auto tile = [&](int64_t rows, bool alongK) {
    return alongK ? rows * (64 + 16) : shape.depth * (rows + 8) * numberBytes;
  };
  return static_cast<uint32_t>(2 * (tile(shape.rows, aAlongK) + tile(shape.columns, bAlongK)));
}

bool addGemm(const MatmulProblem& p, GemmArguments g, Binder& binder) {
  g.a = p.a.floats();
  g.b = p.b.floats();
  g.narrow = (p.a.narrow ? kNarrowA : 0) | (p.b.narrow ? kNarrowB : 0);
  g.aSlide = p.aSlide;
  g.bSlide = p.bSlide;
  g.m = p.m;
  g.n = p.n;
  g.k = p.k;
  g.aRow = p.aRow;
  g.aDepth = p.aDepth;
  g.bDepth = p.bDepth;
  g.bColumn = p.bColumn;
  g.batch.size = 1;
  for (const MatmulProblem::Axis& axis : p.batch) {
    g.aBatch[g.batch.rank] = axis.a;
    g.bBatch[g.batch.rank] = axis.b;
    g.batch.shape[g.batch.rank++] = axis.size;
    g.batch.size *= axis.size;
  }
  g.size = g.batch.size * g.m * g.n;
  g.cRow = g.n;
  g.parts = 1;
  g.partDepth = g.k;
  const std::string wanted = wantedKernel();
  const Form form = formOf(g);
  if (wanted == "matmul" || form == Form::kOther || g.k == 0) return false;
  if (g.m == 1) {
    launch(!isAlongK(form, 1) ? Tiles{"gemmRowN", {1, 32, 8}, 256} : Tiles{"gemmRowT", {1, 8, 32}, 256}, form, g,
           binder);
    return true;
  }
  const bool aAlongK = isAlongK(form, 0), bAlongK = isAlongK(form, 1);
  g.aQuads = inQuads(p.a, g.aSlide, aAlongK ? g.aRow : g.aDepth, g.aBatch, g.batch.rank);
  g.bQuads = inQuads(p.b, g.bSlide, bAlongK ? g.bColumn : g.bDepth, g.bBatch, g.batch.rank);
  g.cQuads = canQuads(g);
  const std::vector<Tiles> able =
      g.bfloat16 + g.tf32 != 0 ? tensorCoreTiles(g, form, binder.device()) : float32Tiles(g, form);
  const auto chosen = std::find_if(
      able.begin(), able.end(), [&](const Tiles& t) { return std::string(t.name).find(wanted) != std::string::npos; });
  launch(chosen != able.end() ? *chosen : able.front(), form, g, binder);
  return true;
}

}  // namespace steepest::cuda
