// Copies of B as panels, and transposed matrices. Included by gemm_tile.inl.

namespace gemm {
namespace {

// Transposes the blocks of `size` x `size` inside each block of twice the size: rows `size` apart swap lanes `size` apart.
template <int size, int... lane>
STEEPEST_INLINE void exchange(F (&r)[kWidth], Lanes<lane...>) {
#pragma GCC unroll 16
  for (int i = 0; i < kWidth; ++i) {
    if (i & size) continue;
    const F x = r[i], y = r[i + size];
    r[i] = __builtin_shufflevector(x, y, (lane & size ? kWidth + lane - size : lane)...);
    r[i + size] = __builtin_shufflevector(x, y, (lane & size ? kWidth + lane : lane + size)...);
  }
}

template <int size = kWidth / 2>
STEEPEST_INLINE void transpose(F (&r)[kWidth]) {
  exchange<size>(r, AllLanes{});
  if constexpr (size > 1) transpose<size / 2>(r);
}

// One vector of a panel from `columns` columns of B that have unit stride along k.
void packColumns(const float* b, int64_t bColumn, int64_t k, int64_t columns, float* to) {
  int64_t p = 0;
  if (columns == kWidth) {
    for (; p + kWidth <= k; p += kWidth) {
      F r[kWidth];
#pragma GCC unroll 16
      for (int i = 0; i < kWidth; ++i) {
        r[i] = load(b + i * bColumn + p);
        __builtin_prefetch(b + (kWidth + i) * bColumn + p, 0, 3);
      }
      transpose(r);
#pragma GCC unroll 16
      for (int i = 0; i < kWidth; ++i) store(to + (p + i) * kPanel, r[i]);
    }
  }
  for (; p < k; p += kWidth) {
    const int64_t depth = k - p < kWidth ? k - p : kWidth;
    F r[kWidth];
#pragma GCC unroll 16
    for (int i = 0; i < kWidth; ++i) r[i] = i < columns ? loadFirst(b + i * bColumn + p, depth) : F{};
    transpose(r);
#pragma GCC unroll 16
    for (int i = 0; i < kWidth; ++i) {
      if (i < depth) store(to + (p + i) * kPanel, r[i]);
    }
  }
}

void packRows(const float* b, int64_t bRow, int64_t k, int64_t columns, float* to) {
  for (int64_t p = 0; p < k; ++p, b += bRow, to += kPanel) {
#pragma GCC unroll 4
    for (int j = 0; j < kPanel; j += kWidth) {
      __builtin_prefetch(b + kRowsAhead * bRow + j, 0, 3);
      const int64_t n = columns - j;
      store(to + j, n >= kWidth ? load(b + j) : n > 0 ? loadFirst(b + j, n) : F{});
    }
  }
}

void packStrided(const float* b, int64_t bRow, int64_t bColumn, int64_t k, int64_t columns, float* to) {
  for (int64_t p = 0; p < k; ++p, b += bRow, to += kPanel) {
    for (int64_t j = 0; j < kPanel; ++j) to[j] = j < columns ? b[j * bColumn] : 0;
  }
}

void pack(const float* b, int64_t bRow, int64_t bColumn, int64_t k, int64_t n, float* panels) {
  for (int64_t j = 0; j < n; j += kPanel, panels += k * kPanel) {
    const float* from = b + j * bColumn;
    const int64_t columns = n - j < kPanel ? n - j : kPanel;
    if (bColumn == 1) {
      packRows(from, bRow, k, columns, panels);
    } else if (bRow == 1) {
      for (int64_t v = 0; v < kPanel; v += kWidth) {
        const int64_t rest = columns - v < 0 ? 0 : columns - v;
        packColumns(from + v * bColumn, bColumn, k, rest < kWidth ? rest : kWidth, panels + v);
      }
    } else {
      packStrided(from, bRow, bColumn, k, columns, panels);
    }
  }
}

// A few lanes of each vector are used where one side is short: less work than single elements all the same.
void turn(const float* from, int64_t stride, int64_t rows, int64_t columns, float* to) {
  for (int64_t i = 0; i < rows; i += kWidth, from += kWidth * stride) {
    const int64_t height = rows - i < kWidth ? rows - i : kWidth;
    for (int64_t j = 0; j < columns; j += kWidth) {
      const int64_t width = columns - j < kWidth ? columns - j : kWidth;
      F r[kWidth];
#pragma GCC unroll 16
      for (int v = 0; v < kWidth; ++v) r[v] = v < height ? loadFirst(from + v * stride + j, width) : F{};
      transpose(r);
      float* at = to + j * rows + i;
#pragma GCC unroll 16
      for (int v = 0; v < kWidth; ++v, at += rows) {
        if (v < width) storeFirst(at, r[v], height);
      }
    }
  }
}

}  // namespace
}  // namespace gemm
