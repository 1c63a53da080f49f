// Transforms of tiles, see ../winograd.h. Included once per target, inside its namespace, after gemm.inl.

namespace winograd {
namespace {

constexpr float kZeros[kWidth] = {};

// Calls body(channel, whole, n) for each vector of channels; n counts those of the last one where it is not whole.
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

struct Column {
  F at[4];
};

// B^T of one column or row of a tile.
STEEPEST_INLINE Column differences(F a, F b, F c, F d) { return {{a - c, b + c, c - b, b - d}}; }

void source(const WinogradSource& from, int64_t tiles, float* to, int64_t step) {
  const int64_t pixel = from.channels;
  eachVector(pixel, [&](int64_t channel, auto get, auto put) __attribute__((always_inline)) {
    const float* rows[4];
    int64_t strides[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      rows[i] = from.rows[i] ? from.rows[i] + channel : kZeros;
      strides[i] = from.rows[i] ? pixel : 0;
    }
    const auto column = [&](int64_t at) __attribute__((always_inline)) {
      if (at < 0 || at >= from.extent) return Column{};
      return differences(get(rows[0] + at * strides[0]), get(rows[1] + at * strides[1]), get(rows[2] + at * strides[2]),
                         get(rows[3] + at * strides[3]));
    };
    Column left = column(from.first), right = column(from.first + 1);
    float* tile = to + channel;
    for (int64_t t = 0; t < tiles; ++t, tile += pixel) {
      const Column next = column(from.first + 2 * t + 2), last = column(from.first + 2 * t + 3);
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const Column row = differences(left.at[i], right.at[i], next.at[i], last.at[i]);
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) put(tile + (4 * i + j) * step, row.at[j]);
      }
      left = next;
      right = last;
    }
  });
}

void result(const float* from, int64_t step, int64_t tiles, const WinogradResult& to) {
  const int64_t pixel = to.channels;
  eachVector(pixel, [&](int64_t channel, auto get, auto put) __attribute__((always_inline)) {
    const float* tile = from + channel;
    for (int64_t t = 0; t < tiles; ++t, tile += pixel) {
      F half[2][4];
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const F a = get(tile + j * step), b = get(tile + (4 + j) * step), c = get(tile + (8 + j) * step),
                d = get(tile + (12 + j) * step);
        half[0][j] = a + b + c;
        half[1][j] = b - c - d;
      }
      const int64_t at = 2 * t * pixel + channel;
#pragma GCC unroll 2
      for (int i = 0; i < 2; ++i) {
        if (!to.rows[i]) continue;
        put(to.rows[i] + at, half[i][0] + half[i][1] + half[i][2]);
        if (2 * t + 1 < to.columns) put(to.rows[i] + at + pixel, half[i][1] - half[i][2] - half[i][3]);
      }
    }
  });
}

STEEPEST_INLINE Column spread(F a, F b) { return {{a, a + b, a - b, -b}}; }

void resultGrad(const WinogradResult& from, int64_t tiles, float* to, int64_t step) {
  const int64_t pixel = from.channels;
  eachVector(pixel, [&](int64_t channel, auto get, auto put) __attribute__((always_inline)) {
    float* tile = to + channel;
    for (int64_t t = 0; t < tiles; ++t, tile += pixel) {
      const int64_t at = 2 * t * pixel + channel;
      const bool both = 2 * t + 1 < from.columns;
      Column rows[2];
#pragma GCC unroll 2
      for (int i = 0; i < 2; ++i) {
        rows[i] = from.rows[i] ? spread(get(from.rows[i] + at), both ? get(from.rows[i] + at + pixel) : F{}) : Column{};
      }
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const Column column = spread(rows[0].at[j], rows[1].at[j]);
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) put(tile + (4 * i + j) * step, column.at[i]);
      }
    }
  });
}

STEEPEST_INLINE Column halves(F a, F b, F c) {
  const F ends = (a + c) * splat(0.5f), middle = b * splat(0.5f);
  return {{a, ends + middle, ends - middle, c}};
}

void kernel(const float* const* taps, int64_t n, float* to, int64_t step) {
  eachVector(n, [&](int64_t at, auto get, auto put) __attribute__((always_inline)) {
    Column columns[3];
#pragma GCC unroll 3
    for (int j = 0; j < 3; ++j) columns[j] = halves(get(taps[j] + at), get(taps[3 + j] + at), get(taps[6 + j] + at));
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const Column row = halves(columns[0].at[i], columns[1].at[i], columns[2].at[i]);
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) put(to + (4 * i + j) * step + at, row.at[j]);
    }
  });
}

struct Triple {
  F at[3];
};
STEEPEST_INLINE Triple gather(F a, F b, F c, F d) {
  const F sum = (b + c) * splat(0.5f);
  return {{a + sum, (b - c) * splat(0.5f), sum + d}};
}

void kernelGrad(const float* from, int64_t step, int64_t n, float* const* taps) {
  eachVector(n, [&](int64_t at, auto get, auto put) __attribute__((always_inline)) {
    Triple columns[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const float* p = from + j * step + at;
      columns[j] = gather(get(p), get(p + 4 * step), get(p + 8 * step), get(p + 12 * step));
    }
#pragma GCC unroll 3
    for (int i = 0; i < 3; ++i) {
      const Triple row = gather(columns[0].at[i], columns[1].at[i], columns[2].at[i], columns[3].at[i]);
#pragma GCC unroll 3
      for (int j = 0; j < 3; ++j) put(taps[3 * i + j] + at, row.at[j]);
    }
  });
}

}  // namespace
}  // namespace winograd

extern const WinogradKernels winogradKernels;
const WinogradKernels winogradKernels = {
    winograd::source, winograd::result, winograd::resultGrad, winograd::kernel, winograd::kernelGrad,
};
