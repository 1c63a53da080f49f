// Normalization of rows, see ../normalize.h. Included once per target, inside its namespace, after rows.inl. A row that was
// read for its mean is in L1 for what follows.

namespace normalize {
namespace {

#define NORMALIZE_LAMBDA __attribute__((always_inline))

STEEPEST_INLINE F lanes(const float* p, int64_t count) { return rows::loadUpTo(p, count, F{}); }
// Zero beyond the end of a row.
STEEPEST_INLINE F within(F v, int64_t count) {
  return count == kWidth ? v : kLaneIndex < splat(static_cast<int32_t>(count)) ? v : F{};
}

void forward(const float* x, const float* scale, const float* offset, float epsilon, bool centered, int64_t rows,
             int64_t n, float* y, float* mean, float* inverse) {
  const float share = 1.0f / static_cast<float>(n);
  for (int64_t r = 0; r < rows; ++r, x += n, y += n) {
    float average = 0;
    if (centered) {
      average = rows::sumRow(n, [=](int64_t i, int64_t count) NORMALIZE_LAMBDA { return lanes(x + i, count); }) * share;
    }
    const F shift = splat(average);
    const float square = rows::sumRow(n, [=](int64_t i, int64_t count) NORMALIZE_LAMBDA {
      const F v = within(lanes(x + i, count) - shift, count);
      return v * v;
    });
    const F factor = 1.0f / vsqrt(splat(square * share + epsilon));
    rows::eachVector(n, [=](int64_t i, int64_t count) NORMALIZE_LAMBDA {
      F v = (lanes(x + i, count) - shift) * factor;
      if (scale) v = v * lanes(scale + i, count);
      if (offset) v = v + lanes(offset + i, count);
      rows::storeUpTo(y + i, v, count);
    });
    mean[r] = average;
    inverse[r] = factor[0];
  }
}

void backward(const float* x, const float* mean, const float* inverse, const float* dy, const float* scale,
              bool centered, int64_t rows, int64_t n, float* dx, float* dscale, float* doffset) {
  const float share = 1.0f / static_cast<float>(n);
  for (int64_t r = 0; r < rows; ++r, x += n, dy += n, dx += n) {
    const F shift = splat(mean[r]), factor = splat(inverse[r]);
    const auto upstream = [=](int64_t i, int64_t count) NORMALIZE_LAMBDA {
      const F d = lanes(dy + i, count);
      return scale ? d * lanes(scale + i, count) : d;
    };
    const float ofNormal = rows::sumRow(n, [=](int64_t i, int64_t count) NORMALIZE_LAMBDA {
      return upstream(i, count) * ((lanes(x + i, count) - shift) * factor);
    });
    const F along = splat(ofNormal * share), flat = splat(centered ? rows::sumRow(n, upstream) * share : 0);
    rows::eachVector(n, [=](int64_t i, int64_t count) NORMALIZE_LAMBDA {
      const F normal = (lanes(x + i, count) - shift) * factor;
      rows::storeUpTo(dx + i, (upstream(i, count) - flat - normal * along) * factor, count);
      if (dscale) rows::storeUpTo(dscale + i, lanes(dscale + i, count) + lanes(dy + i, count) * normal, count);
      if (doffset) rows::storeUpTo(doffset + i, lanes(doffset + i, count) + lanes(dy + i, count), count);
    });
  }
}

#undef NORMALIZE_LAMBDA

}  // namespace
}  // namespace normalize

extern const NormalizeKernels normalizeKernels;
const NormalizeKernels normalizeKernels = {normalize::forward, normalize::backward};
