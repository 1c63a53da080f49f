// Matrix products, one thread for each element of the result. Epilogues are a map that follows.
#include "bfloat16.h"
#include "kernel.h"
#include "lanes.h"
#include "product.h"
#include "strides.h"

namespace steepest::cuda {

STEEPEST_KERNEL(matmul, MatmulArguments a) {
  const int64_t* const aStrides = a.a.strides + a.batch.rank;
  const int64_t* const bStrides = a.b.strides + a.batch.rank;
  STEEPEST_EACH(i, a.batch.size * a.m * a.n) {
    const int64_t batch = i / (a.m * a.n), row = i / a.n % a.m, column = i % a.n;
    const uint8_t* const x = a.a.data + a.loopStep * a.a.slide;
    const uint8_t* const y = a.b.data + a.loopStep * a.b.slide;
    int64_t atX = offsetOf(a.batch, a.a.strides, batch) + row * aStrides[0];
    int64_t atY = offsetOf(a.batch, a.b.strides, batch) + column * bStrides[1];
    ProductSum sum;
    for (int64_t k = 0; k < a.k; ++k, atX += aStrides[1], atY += bStrides[0]) {
      const float left = scalar::sameBits<float>(loadLane(x, a.a.dtype, atX));
      const float right = scalar::sameBits<float>(loadLane(y, a.b.dtype, atY));
      if (a.bfloat16) {
        sum.add(toBfloat16(left), toBfloat16(right));
      } else {
        sum.add(left, right);
      }
    }
    reinterpret_cast<float*>(a.c.data + a.loopStep * a.c.slide)[i] = sum.result();
  }
}

}  // namespace steepest::cuda
