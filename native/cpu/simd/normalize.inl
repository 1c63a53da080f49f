// Normalization of rows, see ../normalize.h. Included once per target, inside its namespace, after rows.inl. A row that was
// read for its mean is in L1 for what follows.

namespace normalize {
namespace {

#define NORMALIZE_LAMBDA __attribute__((always_inline))

STEEPEST_INLINE F lanes(const float* p, int64_t count) { return rows::loadUpTo(p, count, F{}); }
// A product that the compiler does not join with what is added to it.
STEEPEST_INLINE F rounded(F v) {
#if defined(__x86_64__)
  __asm__("" : "+v"(v));
#elif defined(__aarch64__)
  __asm__("" : "+w"(v));
#endif
  return v;
}
// Zero beyond the end of a row.
STEEPEST_INLINE F within(F v, int64_t count) {
  return count == kWidth ? v : kLaneIndex < splat(static_cast<int32_t>(count)) ? v : F{};
}

// Rows of a few elements, in double: their normalized values are so determined by each other that almost nothing is left of a
// gradient, and of that float would keep no digit.
constexpr int64_t kNarrow = 16;

struct Narrow {
  double mean = 0, inverse;
  Narrow(const float* x, int64_t n, float epsilon, bool centered) {
    for (int64_t i = 0; i < n && centered; ++i) mean += x[i];
    mean /= static_cast<double>(n);
    double square = 0;
    for (int64_t i = 0; i < n; ++i) square += (x[i] - mean) * (x[i] - mean);
    inverse = 1 / __builtin_sqrt(square / static_cast<double>(n) + epsilon);
  }
};

void forwardNarrow(const float* x, const float* scale, const float* offset, float epsilon, bool centered, int64_t rows,
                   int64_t n, float* y, float* mean, float* inverse) {
  for (int64_t r = 0; r < rows; ++r, x += n, y += n) {
    const Narrow row(x, n, epsilon, centered);
    for (int64_t i = 0; i < n; ++i) {
      const double v = (x[i] - row.mean) * row.inverse * (scale ? scale[i] : 1) + (offset ? offset[i] : 0);
      y[i] = static_cast<float>(v);
    }
    mean[r] = static_cast<float>(row.mean);
    inverse[r] = static_cast<float>(row.inverse);
  }
}

void backwardNarrow(const float* x, const float* dy, const float* scale, float epsilon, bool centered, int64_t rows,
                    int64_t n, float* dx, float* dscale, float* doffset) {
  const double share = 1 / static_cast<double>(n);
  for (int64_t r = 0; r < rows; ++r, x += n, dy += n, dx += n) {
    const Narrow row(x, n, epsilon, centered);
    double normal[kNarrow], g[kNarrow], flat = 0, along = 0;
    for (int64_t i = 0; i < n; ++i) {
      normal[i] = (x[i] - row.mean) * row.inverse;
      g[i] = static_cast<double>(dy[i]) * (scale ? scale[i] : 1);
      flat += g[i] * share;
      along += g[i] * normal[i] * share;
    }
    for (int64_t i = 0; i < n; ++i) {
      dx[i] = static_cast<float>((g[i] - (centered ? flat : 0) - normal[i] * along) * row.inverse);
      if (dscale) dscale[i] += static_cast<float>(dy[i] * normal[i]);
      if (doffset) doffset[i] += dy[i];
    }
  }
}

void forward(const float* x, const float* scale, const float* offset, float epsilon, bool centered, int64_t rows,
             int64_t n, float* y, float* mean, float* inverse) {
  if (n <= kNarrow) return forwardNarrow(x, scale, offset, epsilon, centered, rows, n, y, mean, inverse);
  const float share = 1.0f / static_cast<float>(n);
  for (int64_t r = 0; r < rows; ++r, x += n, y += n) {
    float average = 0;
    if (centered) {
      average = rows::sumRow(n, [=](int64_t i, int64_t count) NORMALIZE_LAMBDA { return lanes(x + i, count); }) * share;
    }
    // The mean is rounded to a float, and what it misses shows where it is much larger than the deviations: it is the mean of
    // these, which is taken off as well.
    const F shift = splat(average);
    F rest = F{};
    const float square = rows::sumRow(n, [&](int64_t i, int64_t count) NORMALIZE_LAMBDA {
      const F v = within(lanes(x + i, count) - shift, count);
      rest += v;
      return v * v;
    });
    const float missed = centered ? rows::fold(rest, Add()) * share : 0;
    const float variance = square * share - missed * missed;
    const F factor = 1.0f / vsqrt(splat((variance > 0 ? variance : 0) + epsilon));
    rows::eachVector(n, [=](int64_t i, int64_t count) NORMALIZE_LAMBDA {
      F v = (lanes(x + i, count) - shift - splat(missed)) * factor;
      if (scale) v = v * lanes(scale + i, count);
      if (offset) v = v + lanes(offset + i, count);
      rows::storeUpTo(y + i, v, count);
    });
    mean[r] = average;
    inverse[r] = factor[0];
  }
}

void backward(const float* x, const float* mean, const float* inverse, const float* dy, const float* scale,
              float epsilon, bool centered, int64_t rows, int64_t n, float* dx, float* dscale, float* doffset) {
  if (n <= kNarrow) return backwardNarrow(x, dy, scale, epsilon, centered, rows, n, dx, dscale, doffset);
  const float share = 1.0f / static_cast<float>(n);
  for (int64_t r = 0; r < rows; ++r, x += n, dy += n, dx += n) {
    const F shift = splat(mean[r]), factor = splat(inverse[r]);
    // Rounded, not multiplied and subtracted at once: what equals its mean must leave nothing.
    const auto upstream = [=](int64_t i, int64_t count) NORMALIZE_LAMBDA {
      const F d = lanes(dy + i, count);
      return scale ? rounded(d * lanes(scale + i, count)) : d;
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
