// Transforms of tiles, see ../winograd.h. Included once per target, inside its namespace, after bfloat16.inl.

namespace winograd {
namespace {

constexpr float kZeros[kWidth] = {};

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
        c, [n](const float* p) __attribute__((always_inline)) { return loadFirst(p, n); },
        [n](float* p, F v) __attribute__((always_inline)) { storeFirst(p, v, n); });
  }
}

template <int n>
struct Line {
  F at[n];
};

STEEPEST_INLINE F madd(float a, F b, F c) { return fma(splat(a), b, c); }

// The factors of F(2, 3), from the points 0, 1, -1 and infinity, along one axis. Each takes a column or row of a tile.
struct Two {
  static constexpr int kSize = 2, kReach = 4;

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
  static constexpr int kSize = 4, kReach = 6;
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
  return rounds ? bfloat16::rounded(x) : x;
}

template <typename T, bool rounds>
void source(const WinogradSource& from, int64_t tiles, float* to, int64_t step) {
  constexpr int reach = T::kReach, size = T::kSize;
  const int64_t pixel = from.pixel;
  eachVector(from.channels, [&](int64_t channel, auto get, auto put) __attribute__((always_inline)) {
    const float* rows[reach];
    int64_t strides[reach];
#pragma GCC unroll 6
    for (int i = 0; i < reach; ++i) {
      rows[i] = from.rows[i] ? from.rows[i] + channel : kZeros;
      strides[i] = from.rows[i] ? pixel : 0;
    }
    const auto column = [&](int64_t at) __attribute__((always_inline)) {
      Line<reach> x = {};
      if (at < 0 || at >= from.extent) return x;
#pragma GCC unroll 6
      for (int i = 0; i < reach; ++i) x.at[i] = rounded<rounds>(get(rows[i] + at * strides[i]));
      return T::source(x);
    };
    Line<reach> columns[reach];  // the first two are the last ones of the tile before
    columns[size] = column(from.first);
    columns[size + 1] = column(from.first + 1);
    float* tile = to + channel;
    for (int64_t t = 0; t < tiles; ++t, tile += from.depth) {
      columns[0] = columns[size];
      columns[1] = columns[size + 1];
#pragma GCC unroll 6
      for (int j = 2; j < reach; ++j) columns[j] = column(from.first + size * t + j);
#pragma GCC unroll 6
      for (int i = 0; i < reach; ++i) {
        Line<reach> x;
#pragma GCC unroll 6
        for (int j = 0; j < reach; ++j) x.at[j] = columns[j].at[i];
        const Line<reach> row = T::source(x);
#pragma GCC unroll 6
        for (int j = 0; j < reach; ++j) put(tile + (reach * i + j) * step, row.at[j]);
      }
    }
  });
}

template <typename T>
void source(const WinogradSource& from, int64_t tiles, float* to, int64_t step) {
  return from.rounds ? source<T, true>(from, tiles, to, step) : source<T, false>(from, tiles, to, step);
}

template <typename T>
void result(const float* from, int64_t step, int64_t tiles, const WinogradResult& to) {
  constexpr int reach = T::kReach, size = T::kSize;
  const int64_t pixel = to.pixel;
  eachVector(to.channels, [&](int64_t channel, auto get, auto put) __attribute__((always_inline)) {
    const float* tile = from + channel;
    for (int64_t t = 0; t < tiles; ++t, tile += to.channels) {
      Line<size> columns[reach];
#pragma GCC unroll 6
      for (int j = 0; j < reach; ++j) {
        Line<reach> x;
#pragma GCC unroll 6
        for (int i = 0; i < reach; ++i) x.at[i] = get(tile + (reach * i + j) * step);
        columns[j] = T::result(x);
      }
      const int64_t at = size * t * pixel + channel, rest = to.columns - size * t;
#pragma GCC unroll 4
      for (int i = 0; i < size; ++i) {
        if (!to.rows[i]) continue;
        Line<reach> x;
#pragma GCC unroll 6
        for (int j = 0; j < reach; ++j) x.at[j] = columns[j].at[i];
        const Line<size> row = T::result(x);
#pragma GCC unroll 4
        for (int j = 0; j < size; ++j) {
          if (j < rest) put(to.rows[i] + at + j * pixel, row.at[j]);
        }
      }
    }
  });
}

template <typename T, bool rounds>
void resultGrad(const WinogradResult& from, int64_t tiles, float* to, int64_t step) {
  constexpr int reach = T::kReach, size = T::kSize;
  const int64_t pixel = from.pixel;
  eachVector(from.channels, [&](int64_t channel, auto get, auto put) __attribute__((always_inline)) {
    float* tile = to + channel;
    for (int64_t t = 0; t < tiles; ++t, tile += from.channels) {
      const int64_t at = size * t * pixel + channel, rest = from.columns - size * t;
      Line<reach> columns[size];
#pragma GCC unroll 4
      for (int j = 0; j < size; ++j) {
        Line<size> y = {};
#pragma GCC unroll 4
        for (int i = 0; i < size; ++i) {
          if (j < rest && from.rows[i]) y.at[i] = rounded<rounds>(get(from.rows[i] + at + j * pixel));
        }
        columns[j] = T::resultGrad(y);
      }
#pragma GCC unroll 6
      for (int i = 0; i < reach; ++i) {
        Line<size> y;
#pragma GCC unroll 4
        for (int j = 0; j < size; ++j) y.at[j] = columns[j].at[i];
        const Line<reach> row = T::resultGrad(y);
#pragma GCC unroll 6
        for (int j = 0; j < reach; ++j) put(tile + (reach * i + j) * step, row.at[j]);
      }
    }
  });
}

template <typename T>
void resultGrad(const WinogradResult& from, int64_t tiles, float* to, int64_t step) {
  return from.rounds ? resultGrad<T, true>(from, tiles, to, step) : resultGrad<T, false>(from, tiles, to, step);
}

template <typename T>
void kernel(const float* const* taps, int64_t n, float* to, int64_t step) {
  constexpr int reach = T::kReach;
  eachVector(n, [&](int64_t at, auto get, auto put) __attribute__((always_inline)) {
    Line<reach> columns[3];
#pragma GCC unroll 3
    for (int j = 0; j < 3; ++j) {
      columns[j] = T::kernel({{get(taps[j] + at), get(taps[3 + j] + at), get(taps[6 + j] + at)}});
    }
#pragma GCC unroll 6
    for (int i = 0; i < reach; ++i) {
      const Line<reach> row = T::kernel({{columns[0].at[i], columns[1].at[i], columns[2].at[i]}});
#pragma GCC unroll 6
      for (int j = 0; j < reach; ++j) put(to + (reach * i + j) * step + at, row.at[j]);
    }
  });
}

template <typename T>
void kernelGrad(const float* from, int64_t step, int64_t n, float* const* taps) {
  constexpr int reach = T::kReach;
  eachVector(n, [&](int64_t at, auto get, auto put) __attribute__((always_inline)) {
    Line<3> columns[reach];
#pragma GCC unroll 6
    for (int j = 0; j < reach; ++j) {
      Line<reach> x;
#pragma GCC unroll 6
      for (int i = 0; i < reach; ++i) x.at[i] = get(from + (reach * i + j) * step + at);
      columns[j] = T::kernelGrad(x);
    }
#pragma GCC unroll 3
    for (int i = 0; i < 3; ++i) {
      Line<reach> x;
#pragma GCC unroll 6
      for (int j = 0; j < reach; ++j) x.at[j] = columns[j].at[i];
      const Line<3> row = T::kernelGrad(x);
#pragma GCC unroll 3
      for (int j = 0; j < 3; ++j) put(taps[3 * i + j] + at, row.at[j]);
    }
  });
}

template <typename T>
constexpr WinogradKernels kernelsOf() {
  return {T::kSize, source<T>, result<T>, resultGrad<T>, kernel<T>, kernelGrad<T>};
}

}  // namespace
}  // namespace winograd

extern const WinogradKernels winogradKernels[2];
const WinogradKernels winogradKernels[2] = {winograd::kernelsOf<winograd::Two>(),
                                            winograd::kernelsOf<winograd::Four>()};
