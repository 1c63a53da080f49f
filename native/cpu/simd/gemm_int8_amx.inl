// Products of int8 numbers on the tiles of AMX, see ../gemm_int8.h. Included by target_avx512amx.cc, after amx.inl and gemm_tile.inl.
//
// Rows of A and panels of B are those of AVX512_VNNI: four neighbours along k in a word, A's unsigned, and sums that begin with what
// that adds too much. Sums stay in tiles for all of k.

namespace gemm_int8 {
namespace {

using amx::kPanel;
using amx::kRows;
using amx::kSide;

constexpr int64_t kGroup = 4;
constexpr int64_t kPanelHead = kPanel * static_cast<int64_t>(sizeof(int32_t));

struct Product {
  template <int sum>
  static STEEPEST_INLINE void of() {
    if constexpr (sum == 0) _tile_dpbusd(0, 4, 6);
    if constexpr (sum == 1) _tile_dpbusd(1, 4, 7);
    if constexpr (sum == 2) _tile_dpbusd(2, 5, 6);
    if constexpr (sum == 3) _tile_dpbusd(3, 5, 7);
  }
};

void block(const Int8Block& g) {
  amx::Registers registers;
  alignas(64) int32_t sums[kRows * kPanel];
  const int64_t words = (g.k + kGroup - 1) / kGroup, whole = words / kSide * kSide;
  const int64_t panelBytes = kPanelHead + words * amx::kPanelRow;
  amx::LastRows last(words - whole);
  for (int64_t i = 0; i < g.m; i += kRows) {
    const int64_t rows = g.m - i < kRows ? g.m - i : kRows;
    const uint8_t* const a = g.a + i * g.aRow;
    registers.shape(rows);
    for (int64_t j = 0; j < g.n; j += kPanel) {
      const int64_t columns = g.n - j < kPanel ? g.n - j : kPanel;
      const uint8_t* const panel = g.b + j / kPanel * panelBytes;
      const uint8_t* const b = panel + kPanelHead;
      amx::withSums(rows, columns, [&](auto tiles) __attribute__((always_inline)) {
        using Sums = decltype(tiles);
        Sums::load(panel, 0);
        Sums::template add<Product>(a, g.aRow, b, whole);
        if (whole < words) {
          const uint8_t* const rest = last.copy(b + whole * amx::kPanelRow);
          Sums::template add<Product>(a + whole * amx::kWordBytes, g.aRow, rest, kSide);
        }
        Sums::store(sums, kPanel * amx::kWordBytes);
      });
      for (int64_t r = 0; r < rows; ++r) {
        const F step = splat(g.steps[i + r]);
        float* const to = g.c + (i + r) * g.cRow + j;
        for (int64_t v = 0; v < columns; v += kWidth) {
          amx::storeSome(to + v, toFloat(load(sums + r * kPanel + v)) * step, columns - v);
        }
      }
    }
    if (g.finish) gemm::finishRows(*g.finish, g.c + i * g.cRow, g.cRow, i, rows, g.n);
  }
}

}  // namespace
}  // namespace gemm_int8
