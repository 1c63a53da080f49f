// Loops over the channels of pixels, see ../channels.h. Included once per target, inside its namespace, after vector.inl.

namespace channels {
namespace {

// Calls f(c, load, store) on whole vectors of channels, then on what is left of the last one.
template <typename Body>
STEEPEST_INLINE void eachVector(int64_t channels, Body body) {
  int64_t c = 0;
  for (; c + kWidth <= channels; c += kWidth) {
    body([c](const float* p) __attribute__((always_inline)) { return load(p + c); },
         [c](float* p, F v) __attribute__((always_inline)) { store(p + c, v); });
  }
  if (const int64_t n = channels - c; n > 0) {
    body([c, n](const float* p) __attribute__((always_inline)) { return loadFirst(p + c, n); },
         [c, n](float* p, F v) __attribute__((always_inline)) { storeFirst(p + c, v, n); });
  }
}

// Taps of windows that are common are counted at compile time, so that what is kept for each stays in registers.
template <int n>
struct Taps {
  STEEPEST_INLINE int64_t count() const { return n; }
};
struct AnyTaps {
  int64_t n;
  STEEPEST_INLINE int64_t count() const { return n; }
};
template <typename Body>
STEEPEST_INLINE void withTaps(int64_t taps, Body body) {
  if (taps == 9) return body(Taps<9>{});
  if (taps == 4) return body(Taps<4>{});
  body(AnyTaps{taps});
}

// Sums of so many neighbouring pixels stay in registers, for one load of a weight. In groups of `pixels`, then of half as many; all
// channels of a group, whose lines lie in all sets of L1, before the next one.
template <int pixels>
STEEPEST_INLINE void sumPixels(const float* const* x, const float* const* w, int64_t taps, float* y, int64_t j,
                               const PixelRun& run) {
  const int64_t step = run.step, pitch = run.pixel;
  for (; j + pixels <= run.count; j += pixels) {
    eachVector(run.channels, [=](auto get, auto put) __attribute__((always_inline)) {
      F sum[pixels]{};
      for (int64_t t = 0; t < taps; ++t) {
        const F weight = get(w[t]);
        const float* pixel = x[t] + j * step;
#pragma GCC unroll 6
        for (int i = 0; i < pixels; ++i, pixel += step) sum[i] = fma(get(pixel), weight, sum[i]);
      }
      float* to = y + j * pitch;
#pragma GCC unroll 6
      for (int i = 0; i < pixels; ++i, to += pitch) put(to, sum[i]);
    });
  }
  if constexpr (pixels > 1) sumPixels<pixels / 2>(x, w, taps, y, j, run);
}

void weightedSum(const float* const* x, const float* const* w, int64_t taps, float* y, const PixelRun& run) {
  sumPixels<6>(x, w, taps, y, 0, run);
}

template <int taps>
void productSums(const float* x, int64_t xTap, int64_t xStep, const float* dy, int64_t dyStep, int64_t count, float* w,
                 int64_t channels) {
  eachVector(channels, [=](auto get, auto put) __attribute__((always_inline)) {
    F sum[taps]{};
    const float *from = x, *gradient = dy;
    for (int64_t j = 0; j < count; ++j, from += xStep, gradient += dyStep) {
      const F g = get(gradient);
#pragma GCC unroll 5
      for (int t = 0; t < taps; ++t) sum[t] = fma(get(from + t * xTap), g, sum[t]);
    }
#pragma GCC unroll 5
    for (int t = 0; t < taps; ++t) put(w + t * channels, get(w + t * channels) + sum[t]);
  });
}

// Five, three or one at a time: windows are seldom others.
void productSumsOf(int64_t taps, const float* x, int64_t xTap, int64_t xStep, const float* dy, int64_t dyStep,
                   int64_t count, float* w, int64_t channels) {
  while (taps > 0) {
    const int64_t some = taps >= 5 ? 5 : taps >= 3 ? 3 : 1;
    const auto sums = some == 5 ? productSums<5> : some == 3 ? productSums<3> : productSums<1>;
    sums(x, xTap, xStep, dy, dyStep, count, w, channels);
    taps -= some;
    x += some * xTap;
    w += some * channels;
  }
}

void scaledSum(const float* const* x, int64_t taps, float scale, float* y, const PixelRun& run) {
  withTaps(taps, [=](auto n) __attribute__((always_inline)) {
    eachVector(run.channels, [=](auto get, auto put) __attribute__((always_inline)) {
      float* to = y;
      for (int64_t j = 0; j < run.count; ++j, to += run.pixel) {
        F sum = {};
        for (int64_t t = 0; t < n.count(); ++t) sum += get(x[t] + j * run.step);
        put(to, sum * splat(scale));
      }
    });
  });
}

void spread(float* const* dx, int64_t taps, const float* dy, float scale, bool accumulate, const PixelRun& run) {
  eachVector(run.channels, [=](auto get, auto put) __attribute__((always_inline)) {
    const float* from = dy;
    for (int64_t j = 0; j < run.count; ++j, from += run.pixel) {
      const F share = get(from) * splat(scale);
      for (int64_t t = 0; t < taps; ++t) {
        float* const to = dx[t] + j * run.step;
        put(to, accumulate ? get(to) + share : share);
      }
    }
  });
}

void max(const float* const* x, int64_t taps, float* y, const PixelRun& run) {
  withTaps(taps, [=](auto n) __attribute__((always_inline)) {
    eachVector(run.channels, [=](auto get, auto put) __attribute__((always_inline)) {
      float* to = y;
      for (int64_t j = 0; j < run.count; ++j, to += run.pixel) {
        F top = splat(-__builtin_inff());
        for (int64_t t = 0; t < n.count(); ++t) top = vmax(top, get(x[t] + j * run.step));
        put(to, top);
      }
    });
  });
}

void maxGrad(const float* const* x, float* const* dx, int64_t taps, const float* y, const float* dy, bool accumulate,
             const PixelRun& run) {
  withTaps(taps, [=](auto n) __attribute__((always_inline)) {
    eachVector(run.channels, [=](auto get, auto put) __attribute__((always_inline)) {
      const float* tops = y;
      const float* gradients = dy;
      for (int64_t j = 0; j < run.count; ++j, tops += run.pixel, gradients += run.pixel) {
        const F top = get(tops), gradient = get(gradients);
        const I topIsNan = top != top;
        I open = splat(-1);
        for (int64_t t = 0; t < n.count(); ++t) {
          const F value = get(x[t] + j * run.step);
          const I hit = open & ((value == top) | (topIsNan & (value != value)));
          open &= ~hit;
          const F share = (F)((I)gradient & hit);
          float* const to = dx[t] + j * run.step;
          put(to, accumulate ? get(to) + share : share);
        }
      }
    });
  });
}

}  // namespace
}  // namespace channels

extern const ChannelKernels channelKernels;
const ChannelKernels channelKernels = {
    channels::weightedSum, channels::productSumsOf, channels::scaledSum,
    channels::spread,      channels::max,           channels::maxGrad,
};
