// Matrix products, one thread for each element of the result. Epilogues are a map that follows.
#include "bfloat16.h"
#include "kernel.h"
#include "product.h"
#include "strides.h"

namespace steepest::cuda {

STEEPEST_KERNEL(matmul, MatmulArguments a) {
  const int64_t* const aStrides = a.a.strides + a.batch.rank;
  const int64_t* const bStrides = a.b.strides + a.batch.rank;
  STEEPEST_EACH(i, a.batch.size * a.m * a.n) {
    const int64_t batch = i / (a.m * a.n), row = i / a.n % a.m, column = i % a.n;
    const float* x = reinterpret_cast<const float*>(a.a.data + a.loopStep * a.a.slide) +
                     offsetOf(a.batch, a.a.strides, batch) + row * aStrides[0];
    const float* y = reinterpret_cast<const float*>(a.b.data + a.loopStep * a.b.slide) +
                     offsetOf(a.batch, a.b.strides, batch) + column * bStrides[1];
    ProductSum sum;
    for (int64_t k = 0; k < a.k; ++k, x += aStrides[1], y += bStrides[0]) {
      if (a.bfloat16) {
        sum.add(toBfloat16(*x), toBfloat16(*y));
      } else {
        sum.add(*x, *y);
      }
    }
    reinterpret_cast<float*>(a.c.data + a.loopStep * a.c.slide)[i] = sum.result();
  }
}

// x = q step with q in -127 .. 127, see lib/ir/int8.ts: to the nearest, to even.
STEEPEST_KERNEL(quantizeRows, QuantizeArguments a) {
  STEEPEST_EACH(row, a.m) {
    const float* const x = reinterpret_cast<const float*>(a.a.data + a.loopStep * a.a.slide) + row * a.a.strides[0];
    float largest = 0;
    bool finite = true;
    for (int64_t k = 0; k < a.k; ++k) {
      const float magnitude = ::fabsf(x[k * a.a.strides[1]]);
      finite = finite && magnitude <= 3.40282347e38f;
      largest = larger(largest, magnitude);
    }
    const bool none = !finite || largest < 7.88860905e-31f;  // 2^-100
    const float factor = none ? 0.0f : 127.0f / largest;
    a.steps[row] = !finite ? ::nanf("") : none ? 0.0f : largest / 127.0f;
    for (int64_t k = 0; k < a.k; ++k) {
      a.rows[row * a.k + k] = none ? 0 : static_cast<int8_t>(::rintf(x[k * a.a.strides[1]] * factor));
    }
  }
}

STEEPEST_KERNEL(matmulInt8, MatmulInt8Arguments a) {
  STEEPEST_EACH(i, a.m * a.n) {
    const int64_t row = i / a.n, column = i % a.n;
    const int8_t* const x = a.rows + row * a.k;
    const int8_t* const y =
        reinterpret_cast<const int8_t*>(a.b.data + a.loopStep * a.b.slide) + column * a.b.strides[1];
    int32_t sum = 0;
    for (int64_t k = 0; k < a.k; ++k) sum += x[k] * y[k * a.b.strides[0]];
    reinterpret_cast<float*>(a.c.data + a.loopStep * a.c.slide)[i] = static_cast<float>(sum) * a.steps[row];
  }
}

}  // namespace steepest::cuda
