// Transforms of tiles, see ../winograd.h. Included once per target, inside its namespace, after bfloat16.inl.

namespace winograd {
namespace {

constexpr float kZeros[kWidth] = {};

// Where a part of a vector is read and written number by number, and rounding takes many instructions, that is long code in so many
// places.
__attribute__((noinline)) F roundedThere(F x) { return bfloat16::rounded(x); }
__attribute__((noinline)) F loadPart(const float* p, int64_t n) { return loadFirst(p, n); }
__attribute__((noinline)) void storePart(float* p, F v, int64_t n) { storeFirst(p, v, n); }
constexpr bool kHasMasks = kWidth > 4;

// Calls body(channel, get, put) for each vector of channels; they leave out what the last one lacks.
template <typename Body>
STEEPEST_INLINE void eachVector(int64_t channels, Body body) {
  int64_t c = 0;
  for (; c + kWidth <= channels; c += kWidth) {
    body(
        c, [](const float* p) __attribute__((always_inline)) { return load(p); },
        [](float* p, F v) __attribute__((always_inline)) { store(p, v); });
  }
  if (const int64_t n = channels - c; n > 0) {
    body(
        c, [n](const float* p) __attribute__((always_inline)) { return kHasMasks ? loadFirst(p, n) : loadPart(p, n); },
        [n](float* p, F v) __attribute__((always_inline)) { kHasMasks ? storeFirst(p, v, n) : storePart(p, v, n); });
  }
}

template <int n>
struct Line {
  F at[n];
};

STEEPEST_INLINE F madd(float a, F b, F c) { return fma(splat(a), b, c); }

// Along an axis where nothing is filtered.
struct One {
  static constexpr int kSize = 1, kReach = 1, kTaps = 1;

  STEEPEST_INLINE static Line<1> source(const Line<1>& x) { return x; }
  STEEPEST_INLINE static Line<1> result(const Line<1>& x) { return x; }
  STEEPEST_INLINE static Line<1> resultGrad(const Line<1>& x) { return x; }
  STEEPEST_INLINE static Line<1> kernel(const Line<1>& x) { return x; }
  STEEPEST_INLINE static Line<1> kernelGrad(const Line<1>& x) { return x; }
};

// The factors of F(2, 3), from the points 0, 1, -1 and infinity, along one axis. Each takes a column or row of a tile.
struct Two {
  static constexpr int kSize = 2, kReach = 4, kTaps = 3;

  // B^T
  STEEPEST_INLINE static Line<4> source(const Line<4>& x) {
    const auto [a, b, c, d] = x.at;
    return {{a - c, b + c, c - b, b - d}};
  }
  // A^T
  STEEPEST_INLINE static Line<2> result(const Line<4>& x) {
    const auto [a, b, c, d] = x.at;
    return {{a + b + c, b - c - d}};
  }
  // A
  STEEPEST_INLINE static Line<4> resultGrad(const Line<2>& x) {
    const auto [a, b] = x.at;
    return {{a, a + b, a - b, -b}};
  }
  // G
  STEEPEST_INLINE static Line<4> kernel(const Line<3>& x) {
    const auto [a, b, c] = x.at;
    const F ends = (a + c) * splat(0.5f), middle = b * splat(0.5f);
    return {{a, ends + middle, ends - middle, c}};
  }
  // G^T
  STEEPEST_INLINE static Line<3> kernelGrad(const Line<4>& x) {
    const auto [a, b, c, d] = x.at;
    const F sum = (b + c) * splat(0.5f);
    return {{a + sum, (b - c) * splat(0.5f), sum + d}};
  }
};

// Those of F(4, 3), from 0, a, -a, b, -b and infinity with a = 5/8 and b = 3/2. With these the rounding error is about two thirds
// of that with 1 and 2 (on the choice of points: Barabasz et al., "Error analysis and improving the accuracy of Winograd
// convolution for deep neural networks", 2020); and all factors but the kernel's are exact.
struct Four {
  static constexpr int kSize = 4, kReach = 6, kTaps = 3;
  static constexpr float kA = 0.625f, kA2 = kA * kA, kA3 = kA2 * kA;
  static constexpr float kB = 1.5f, kB2 = kB * kB, kB3 = kB2 * kB;
  static constexpr float kAtA = 1 / (2 * kA2 * (kA2 - kB2)), kAtB = 1 / (2 * kB2 * (kB2 - kA2));

  STEEPEST_INLINE static Line<6> source(const Line<6>& x) {
    const auto [a, b, c, d, e, f] = x.at;
    const F evenA = madd(-kB2, c, e), oddA = madd(-kB2, b, d);
    const F evenB = madd(-kA2, c, e), oddB = madd(-kA2, b, d);
    return {{
        madd(kA2 * kB2, a, madd(-kA2 - kB2, c, e)),
        madd(kA, oddA, evenA),
        madd(-kA, oddA, evenA),
        madd(kB, oddB, evenB),
        madd(-kB, oddB, evenB),
        madd(kA2 * kB2, b, madd(-kA2 - kB2, d, f)),
    }};
  }
  STEEPEST_INLINE static Line<4> result(const Line<6>& x) {
    const auto [zero, a, minusA, b, minusB, infinity] = x.at;
    const F evenA = a + minusA, oddA = a - minusA, evenB = b + minusB, oddB = b - minusB;
    return {{
        (zero + evenA) + evenB,
        madd(kA, oddA, splat(kB) * oddB),
        madd(kA2, evenA, splat(kB2) * evenB),
        madd(kA3, oddA, madd(kB3, oddB, infinity)),
    }};
  }
  STEEPEST_INLINE static Line<6> resultGrad(const Line<4>& x) {
    const auto [a, b, c, d] = x.at;
    const F evenA = madd(kA2, c, a), oddA = madd(kA2, d, b), evenB = madd(kB2, c, a), oddB = madd(kB2, d, b);
    return {{
        a,
        madd(kA, oddA, evenA),
        madd(-kA, oddA, evenA),
        madd(kB, oddB, evenB),
        madd(-kB, oddB, evenB),
        d,
    }};
  }
  STEEPEST_INLINE static Line<6> kernel(const Line<3>& x) {
    const auto [a, b, c] = x.at;
    const F evenA = madd(kA2, c, a), evenB = madd(kB2, c, a);
    return {{
        a * splat(1 / (kA2 * kB2)),
        madd(kA, b, evenA) * splat(kAtA),
        madd(-kA, b, evenA) * splat(kAtA),
        madd(kB, b, evenB) * splat(kAtB),
        madd(-kB, b, evenB) * splat(kAtB),
        c,
    }};
  }
  STEEPEST_INLINE static Line<3> kernelGrad(const Line<6>& x) {
    const auto [zero, a, minusA, b, minusB, infinity] = x.at;
    const F evenA = (a + minusA) * splat(kAtA), evenB = (b + minusB) * splat(kAtB);
    const F oddA = (a - minusA) * splat(kA * kAtA), oddB = (b - minusB) * splat(kB * kAtB);
    return {{
        madd(1 / (kA2 * kB2), zero, evenA + evenB),
        oddA + oddB,
        madd(kA2, evenA, madd(kB2, evenB, infinity)),
    }};
  }
};

template <bool rounds>
STEEPEST_INLINE F rounded(F x) {
  return !rounds ? x : kHasMasks ? bfloat16::rounded(x) : roundedThere(x);
}

// Down the columns by one factor, along the rows by the other.
template <typename Down, typename Across, bool rounds>
void source(const WinogradSource& from, int64_t tiles, float* to, int64_t step) {
  constexpr int height = Down::kReach, width = Across::kReach, size = Across::kSize;
  const int64_t pixel = from.pixel;
  eachVector(from.channels, [&](int64_t channel, auto get, auto put) __attribute__((always_inline)) {
    const float* rows[height];
    int64_t strides[height];
#pragma GCC unroll 6
    for (int i = 0; i < height; ++i) {
      rows[i] = from.rows[i] ? from.rows[i] + channel : kZeros;
      strides[i] = from.rows[i] ? pixel : 0;
    }
    const auto column = [&](int64_t at) __attribute__((always_inline)) {
      Line<height> x = {};
      if (at < 0 || at >= from.extent) return x;
#pragma GCC unroll 6
      for (int i = 0; i < height; ++i) x.at[i] = rounded<rounds>(get(rows[i] + at * strides[i]));
      return Down::source(x);
    };
    Line<height> columns[width];  // the first ones are the last ones of the tile before
#pragma GCC unroll 2
    for (int j = size; j < width; ++j) columns[j] = column(from.first + j - size);
    float* tile = to + channel;
    for (int64_t t = 0; t < tiles; ++t, tile += from.depth) {
#pragma GCC unroll 2
      for (int j = size; j < width; ++j) columns[j - size] = columns[j];
#pragma GCC unroll 6
      for (int j = width - size; j < width; ++j) columns[j] = column(from.first + size * t + j);
#pragma GCC unroll 6
      for (int i = 0; i < height; ++i) {
        Line<width> x;
#pragma GCC unroll 6
        for (int j = 0; j < width; ++j) x.at[j] = columns[j].at[i];
        const Line<width> row = Across::source(x);
#pragma GCC unroll 6
        for (int j = 0; j < width; ++j) put(tile + (width * i + j) * step, row.at[j]);
      }
    }
  });
}

template <typename Down, typename Across>
void source(const WinogradSource& from, int64_t tiles, float* to, int64_t step) {
  return from.rounds ? source<Down, Across, true>(from, tiles, to, step)
                     : source<Down, Across, false>(from, tiles, to, step);
}

template <typename Down, typename Across>
void result(const float* from, int64_t step, int64_t tiles, const WinogradResult& to) {
  constexpr int height = Down::kReach, width = Across::kReach, rows = Down::kSize, size = Across::kSize;
  const int64_t pixel = to.pixel;
  eachVector(to.channels, [&](int64_t channel, auto get, auto put) __attribute__((always_inline)) {
    const float* tile = from + channel;
    for (int64_t t = 0; t < tiles; ++t, tile += to.channels) {
      Line<rows> columns[width];
#pragma GCC unroll 6
      for (int j = 0; j < width; ++j) {
        Line<height> x;
#pragma GCC unroll 6
        for (int i = 0; i < height; ++i) x.at[i] = get(tile + (width * i + j) * step);
        columns[j] = Down::result(x);
      }
      const int64_t at = size * t * pixel + channel, rest = to.columns - size * t;
#pragma GCC unroll 4
      for (int i = 0; i < rows; ++i) {
        if (!to.rows[i]) continue;
        Line<width> x;
#pragma GCC unroll 6
        for (int j = 0; j < width; ++j) x.at[j] = columns[j].at[i];
        const Line<size> row = Across::result(x);
#pragma GCC unroll 4
        for (int j = 0; j < size; ++j) {
          if (j < rest) put(to.rows[i] + at + j * pixel, row.at[j]);
        }
      }
    }
  });
}

template <typename Down, typename Across, bool rounds>
void resultGrad(const WinogradResult& from, int64_t tiles, float* to, int64_t step) {
  constexpr int height = Down::kReach, width = Across::kReach, rows = Down::kSize, size = Across::kSize;
  const int64_t pixel = from.pixel;
  eachVector(from.channels, [&](int64_t channel, auto get, auto put) __attribute__((always_inline)) {
    float* tile = to + channel;
    for (int64_t t = 0; t < tiles; ++t, tile += from.channels) {
      const int64_t at = size * t * pixel + channel, rest = from.columns - size * t;
      Line<height> columns[size];
#pragma GCC unroll 4
      for (int j = 0; j < size; ++j) {
        Line<rows> y = {};
#pragma GCC unroll 4
        for (int i = 0; i < rows; ++i) {
          if (j < rest && from.rows[i]) y.at[i] = rounded<rounds>(get(from.rows[i] + at + j * pixel));
        }
        columns[j] = Down::resultGrad(y);
      }
#pragma GCC unroll 6
      for (int i = 0; i < height; ++i) {
        Line<size> y;
#pragma GCC unroll 4
        for (int j = 0; j < size; ++j) y.at[j] = columns[j].at[i];
        const Line<width> row = Across::resultGrad(y);
#pragma GCC unroll 6
        for (int j = 0; j < width; ++j) put(tile + (width * i + j) * step, row.at[j]);
      }
    }
  });
}

template <typename Down, typename Across>
void resultGrad(const WinogradResult& from, int64_t tiles, float* to, int64_t step) {
  return from.rounds ? resultGrad<Down, Across, true>(from, tiles, to, step)
                     : resultGrad<Down, Across, false>(from, tiles, to, step);
}

template <typename Down, typename Across>
void kernel(const float* const* taps, int64_t n, float* to, int64_t step) {
  constexpr int height = Down::kReach, width = Across::kReach, rows = Down::kTaps, columns = Across::kTaps;
  eachVector(n, [&](int64_t at, auto get, auto put) __attribute__((always_inline)) {
    Line<height> all[columns];
#pragma GCC unroll 3
    for (int j = 0; j < columns; ++j) {
      Line<rows> x;
#pragma GCC unroll 3
      for (int i = 0; i < rows; ++i) x.at[i] = get(taps[columns * i + j] + at);
      all[j] = Down::kernel(x);
    }
#pragma GCC unroll 6
    for (int i = 0; i < height; ++i) {
      Line<columns> x;
#pragma GCC unroll 3
      for (int j = 0; j < columns; ++j) x.at[j] = all[j].at[i];
      const Line<width> row = Across::kernel(x);
#pragma GCC unroll 6
      for (int j = 0; j < width; ++j) put(to + (width * i + j) * step + at, row.at[j]);
    }
  });
}

template <typename Down, typename Across>
void kernelGrad(const float* from, int64_t step, int64_t n, float* const* taps) {
  constexpr int height = Down::kReach, width = Across::kReach, rows = Down::kTaps, columns = Across::kTaps;
  eachVector(n, [&](int64_t at, auto get, auto put) __attribute__((always_inline)) {
    Line<rows> all[width];
#pragma GCC unroll 6
    for (int j = 0; j < width; ++j) {
      Line<height> x;
#pragma GCC unroll 6
      for (int i = 0; i < height; ++i) x.at[i] = get(from + (width * i + j) * step + at);
      all[j] = Down::kernelGrad(x);
    }
#pragma GCC unroll 3
    for (int i = 0; i < rows; ++i) {
      Line<width> x;
#pragma GCC unroll 6
      for (int j = 0; j < width; ++j) x.at[j] = all[j].at[i];
      const Line<columns> row = Across::kernelGrad(x);
#pragma GCC unroll 3
      for (int j = 0; j < columns; ++j) put(taps[columns * i + j] + at, row.at[j]);
    }
  });
}

template <typename Down, typename Across>
constexpr WinogradKernels kernelsOf() {
  return {Down::kSize,
          Across::kSize,
          source<Down, Across>,
          result<Down, Across>,
          resultGrad<Down, Across>,
          kernel<Down, Across>,
          kernelGrad<Down, Across>};
}

}  // namespace
}  // namespace winograd

extern const WinogradKernels winogradKernels[kWinogradKinds];
const WinogradKernels winogradKernels[kWinogradKinds] = {
    winograd::kernelsOf<winograd::Two, winograd::Two>(), winograd::kernelsOf<winograd::Four, winograd::Four>(),
    winograd::kernelsOf<winograd::One, winograd::Two>(), winograd::kernelsOf<winograd::One, winograd::Four>(),
    winograd::kernelsOf<winograd::Four, winograd::One>()};
