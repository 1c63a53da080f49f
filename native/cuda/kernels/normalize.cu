// Normalization of rows and its gradients: a row for a warp or a block, in registers, or read again where it is too long for
// them.
#include "held.h"
#include "kernel.h"
#include "normalize.h"

namespace steepest::cuda {
namespace {

// A mean as two numbers: what rounding it has missed shows where it is much larger than the deviations.
template <typename Real>
struct Mean {
  Real value, rest;
  STEEPEST_INLINE explicit Mean(double mean)
      : value(static_cast<Real>(mean)), rest(static_cast<Real>(mean - static_cast<double>(value))) {}
  STEEPEST_INLINE Real below(float x) const { return (static_cast<Real>(x) - value) - rest; }
};

// A product that is not joined with what is added to it: what equals its mean has to leave nothing.
STEEPEST_INLINE float rounded(float a, float b) { return __fmul_rn(a, b); }
STEEPEST_INLINE double rounded(double a, double b) { return __dmul_rn(a, b); }

template <typename Real, int kWarps, bool kHeld>
STEEPEST_INLINE Mean<Real> meanOf(const Row<kWarps, kHeld>& x, bool centered) {
  if (!centered) return Mean<Real>(0);
  double sum = 0;
  x.each([&](int i, const Columns& columns) {
    const Quad quad = x(i, columns);
    // Sums of floats would have lost what Mean keeps of a mean that is much larger than the deviation.
    sum += (static_cast<double>(quad.x[0]) + static_cast<double>(quad.x[1])) +
           (static_cast<double>(quad.x[2]) + static_cast<double>(quad.x[3]));
  });
  return Mean<Real>(Sharers<kWarps>::sum(sum) / x.n);
}

// 1 / sqrt(variance + epsilon)
template <typename Real, int kWarps, bool kHeld>
STEEPEST_INLINE double inverseOf(const Row<kWarps, kHeld>& x, const Mean<Real>& mean, float epsilon) {
  double sum = 0;
  x.each([&](int i, const Columns& columns) {
    const Quad quad = x(i, columns);
    Real part = 0;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const Real below = columns.at(j) < x.n ? mean.below(quad.x[j]) : 0;
      part += below * below;
    }
    sum += static_cast<double>(part);
  });
  return 1 / ::sqrt(Sharers<kWarps>::sum(sum) / x.n + epsilon);
}

// A row for all rows, read where it is needed; a number for all columns where there is none.
STEEPEST_INLINE Quad parameters(const float* from, const Columns& columns, int n, bool whole, float without) {
  if (from == nullptr) return {{without, without, without, without}};
  if (whole) return *reinterpret_cast<const Quad*>(from + columns.first);
  Quad quad;
#pragma unroll
  for (int j = 0; j < 4; ++j) quad.x[j] = columns.at(j) < n ? from[columns.at(j)] : without;
  return quad;
}

// y = (x - mean) / sqrt(variance + epsilon) scale + offset; without centering the mean counts as 0.
template <typename Real, int kWarps, bool kHeld>
STEEPEST_INLINE void normalizeRows(const NormalizeArguments& a) {
  using Team = Sharers<kWarps>;
  for (int64_t row = Team::firstRow(); row < a.rows; row += Team::nextRow()) {
    const Row<kWarps, kHeld> x(a.x + row * a.columns, a.columns, a.quads != 0, 0);
    const Mean<Real> mean = meanOf<Real>(x, a.centered);
    const Real inverse = static_cast<Real>(inverseOf(x, mean, a.epsilon));
    x.each([&](int i, const Columns& columns) {
      Quad quad = x(i, columns);
      const Quad scale = parameters(a.scale, columns, x.n, x.whole, 1);
      const Quad offset = parameters(a.offset, columns, x.n, x.whole, 0);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        quad.x[j] = static_cast<float>(mean.below(quad.x[j]) * inverse * static_cast<Real>(scale.x[j]) +
                                       static_cast<Real>(offset.x[j]));
      }
      storeQuad(a.y + row * a.columns, columns, x.n, x.whole, quad);
    });
    if (Team::thread() == 0) {
      a.mean[row] = static_cast<float>(mean.value);
      a.inverse[row] = static_cast<float>(inverse);
    }
  }
}

// With n the normalized x and g = dy scale: dx = (g - mean(g) - n mean(g n)) / deviation; add(i, dy n, dy) for each quad.
template <typename Real, int kWarps, bool kHeld, typename Add>
STEEPEST_INLINE void gradRow(const NormalizeGradArguments& a, int64_t row, Add add) {
  using Team = Sharers<kWarps>;
  const Row<kWarps, kHeld> x(a.x + row * a.columns, a.columns, a.quads != 0, 0);
  const Row<kWarps, kHeld> dy(a.dy + row * a.columns, a.columns, a.quads != 0, 0);
  // In float32 the moments of the forward pass are as good as others.
  constexpr bool again = sizeof(Real) == sizeof(double);
  const Mean<Real> mean = again ? meanOf<Real>(x, a.centered) : Mean<Real>(a.mean[row]);
  const Real inverse = static_cast<Real>(again ? inverseOf(x, mean, a.epsilon) : a.inverse[row]);
  double flatSum = 0, alongSum = 0;
  x.each([&](int i, const Columns& columns) {
    const Quad value = x(i, columns), upstream = dy(i, columns), scale = parameters(a.scale, columns, x.n, x.whole, 1);
    Real flat = 0, along = 0;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const Real g = rounded(static_cast<Real>(upstream.x[j]), static_cast<Real>(scale.x[j]));
      flat += g;
      along += g * (mean.below(value.x[j]) * inverse);
    }
    flatSum += static_cast<double>(flat);
    alongSum += static_cast<double>(along);
  });
  const Real flat = static_cast<Real>(a.centered ? Team::sum(flatSum) / x.n : 0);
  const Real along = static_cast<Real>(Team::sum(alongSum) / x.n);
  x.each([&](int i, const Columns& columns) {
    const Quad value = x(i, columns), upstream = dy(i, columns), scale = parameters(a.scale, columns, x.n, x.whole, 1);
    Quad quad, product;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const Real normal = mean.below(value.x[j]) * inverse;
      const Real g = rounded(static_cast<Real>(upstream.x[j]), static_cast<Real>(scale.x[j]));
      quad.x[j] = static_cast<float>((g - flat - normal * along) * inverse);
      product.x[j] = static_cast<float>(static_cast<Real>(upstream.x[j]) * normal);
    }
    storeQuad(a.dx + row * a.columns, columns, x.n, x.whole, quad);
    add(i, product, upstream);
  });
}

// What the teams of a block have for the columns that they all hold, in order, to `to`.
template <int kWarps>
STEEPEST_INLINE void storeColumns(const Quad (&sums)[kHeldQuads], float* to, int n, bool whole) {
  using Team = Sharers<kWarps>;
  if constexpr (kWarps > 1) {
    Team::template each<true>(n, false,
                              [&](int i, const Columns& columns) { storeQuad(to, columns, n, whole, sums[i]); });
  } else {
    __shared__ float shared[kHeldColumns];
    const int warp = static_cast<int>(threadIdx.x) / 32, warps = static_cast<int>(blockDim.x) / 32;
    for (int w = 0; w < warps; ++w) {
      if (w == warp) {
        Team::template each<true>(n, false, [&](int i, const Columns& columns) {
#pragma unroll
          for (int j = 0; j < 4; ++j) {
            if (columns.at(j) < n) shared[columns.at(j)] = (w == 0 ? 0 : shared[columns.at(j)]) + sums[i].x[j];
          }
        });
      }
      __syncthreads();
    }
    for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x)) to[i] = shared[i];
    __syncthreads();
  }
}

template <typename Real, int kWarps, bool kHeld>
STEEPEST_INLINE void normalizeGradRows(const NormalizeGradArguments& a) {
  using Team = Sharers<kWarps>;
  if constexpr (kHeld) {
    Quad scaleSums[kHeldQuads] = {}, offsetSums[kHeldQuads] = {};
    for (int64_t row = Team::firstRow(); row < a.rows; row += Team::nextRow()) {
      gradRow<Real, kWarps, true>(a, row, [&](int i, const Quad& product, const Quad& upstream) {
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          scaleSums[i].x[j] += product.x[j];
          offsetSums[i].x[j] += upstream.x[j];
        }
      });
    }
    const int n = static_cast<int>(a.columns);
    if (a.dscale != nullptr) storeColumns<kWarps>(scaleSums, a.dscale + blockIdx.x * a.columns, n, a.quads != 0);
    if (a.doffset != nullptr) storeColumns<kWarps>(offsetSums, a.doffset + blockIdx.x * a.columns, n, a.quads != 0);
  } else {
    for (int64_t row = Team::firstRow(); row < a.rows; row += Team::nextRow()) {
      gradRow<Real, kWarps, false>(a, row, [](int, const Quad&, const Quad&) {});
    }
  }
}

template <int kWarps, bool kHeld>
STEEPEST_INLINE void normalizeFloat(const NormalizeArguments& a) {
  normalizeRows<float, kWarps, kHeld>(a);
}
template <int kWarps, bool kHeld>
STEEPEST_INLINE void normalizeGradFloat(const NormalizeGradArguments& a) {
  normalizeGradRows<float, kWarps, kHeld>(a);
}

}  // namespace

STEEPEST_ROW_KERNELS(normalize, normalizeFloat, NormalizeArguments)
STEEPEST_ROW_KERNELS(normalizeGrad, normalizeGradFloat, NormalizeGradArguments)
STEEPEST_TILED_KERNEL(32 * kRowWarps, 1, normalizeNarrowWarp, NormalizeArguments a) {
  normalizeRows<double, 1, true>(a);
}
STEEPEST_TILED_KERNEL(32 * kRowWarps, 1, normalizeNarrowGradWarp, NormalizeGradArguments a) {
  normalizeGradRows<double, 1, true>(a);
}

}  // namespace steepest::cuda
