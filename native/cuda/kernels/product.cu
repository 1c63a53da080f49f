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

}  // namespace steepest::cuda
