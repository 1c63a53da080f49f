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

void weightedSum(const float* const* x, const float* const* w, int64_t taps, float* y, int64_t channels) {
  eachVector(channels, [=](auto get, auto put) __attribute__((always_inline)) {
    F sum = {};
    for (int64_t t = 0; t < taps; ++t) sum = fma(get(x[t]), get(w[t]), sum);
    put(y, sum);
  });
}

void productSum(const float* x, int64_t xStep, const float* dy, int64_t dyStep, int64_t count, float* w,
                int64_t channels) {
  eachVector(channels, [=](auto get, auto put) __attribute__((always_inline)) {
    F sum = {};
    for (int64_t j = 0; j < count; ++j) sum = fma(get(x + j * xStep), get(dy + j * dyStep), sum);
    put(w, get(w) + sum);
  });
}

void scaledSum(const float* const* x, int64_t taps, float scale, float* y, int64_t channels) {
  eachVector(channels, [=](auto get, auto put) __attribute__((always_inline)) {
    F sum = {};
    for (int64_t t = 0; t < taps; ++t) sum += get(x[t]);
    put(y, sum * splat(scale));
  });
}

void spread(float* const* dx, int64_t taps, const float* dy, float scale, bool accumulate, int64_t channels) {
  eachVector(channels, [=](auto get, auto put) __attribute__((always_inline)) {
    const F share = get(dy) * splat(scale);
    for (int64_t t = 0; t < taps; ++t) put(dx[t], accumulate ? get(dx[t]) + share : share);
  });
}

void max(const float* const* x, int64_t taps, float* y, int64_t channels) {
  eachVector(channels, [=](auto get, auto put) __attribute__((always_inline)) {
    F top = splat(-__builtin_inff());
    for (int64_t t = 0; t < taps; ++t) top = vmax(top, get(x[t]));
    put(y, top);
  });
}

void maxGrad(const float* const* x, float* const* dx, int64_t taps, const float* y, const float* dy, bool accumulate,
             int64_t channels) {
  eachVector(channels, [=](auto get, auto put) __attribute__((always_inline)) {
    const F top = get(y), gradient = get(dy);
    const I topIsNan = top != top;
    I open = splat(-1);
    for (int64_t t = 0; t < taps; ++t) {
      const F value = get(x[t]);
      const I hit = open & ((value == top) | (topIsNan & (value != value)));
      open &= ~hit;
      const F share = (F)((I)gradient & hit);
      put(dx[t], accumulate ? get(dx[t]) + share : share);
    }
  });
}

}  // namespace
}  // namespace channels

extern const ChannelKernels channelKernels;
const ChannelKernels channelKernels = {
    channels::weightedSum, channels::productSum, channels::scaledSum,
    channels::spread,      channels::max,        channels::maxGrad,
};
