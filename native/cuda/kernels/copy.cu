// Strided copies.
#include "copy.h"
#include "kernel.h"
#include "strides.h"

namespace steepest::cuda {

STEEPEST_KERNEL(copyElements, CopyArguments a) {
  const uint8_t* const in = a.in.data + a.loopStep * a.in.slide;
  uint8_t* const out = a.out.data + a.loopStep * a.out.slide;
  STEEPEST_EACH(i, a.domain.size) {
    const int64_t from = offsetOf(a.domain, a.in.strides, i), to = offsetOf(a.domain, a.out.strides, i);
    if (a.elementBytes == 4) {
      reinterpret_cast<uint32_t*>(out)[to] = reinterpret_cast<const uint32_t*>(in)[from];
    } else if (a.elementBytes == 2) {
      reinterpret_cast<uint16_t*>(out)[to] = reinterpret_cast<const uint16_t*>(in)[from];
    } else {
      out[to] = in[from];
    }
  }
}

}  // namespace steepest::cuda
