// Rows of a table by index, and the gradient: rows added up by index.
#include "gather.h"
#include "kernel.h"
#include "report.h"
#include "strides.h"

namespace steepest::cuda {

STEEPEST_KERNEL(gatherRows, GatherArguments a) {
  STEEPEST_EACH(i, a.count * a.inner.size) {
    const int64_t index = a.indices[i / a.inner.size];
    const bool valid = index >= 0 && index < a.tableRows;
    if (!valid) report(a.state, kIndexError);
    const int64_t from = index * a.tableStride + offsetOf(a.inner, a.innerStrides, i % a.inner.size);
    if (a.elementBytes == 4) {
      reinterpret_cast<uint32_t*>(a.out)[i] = valid ? reinterpret_cast<const uint32_t*>(a.table)[from] : 0;
    } else {
      a.out[i] = valid ? a.table[from] : 0;
    }
  }
}

// A thread for each column of each part of the rows: every element gets its terms in the order of the indices.
STEEPEST_KERNEL(scatterAdd, ScatterArguments a) {
  STEEPEST_EACH(i, a.parts * a.inner) {
    const int64_t part = i / a.inner, column = i % a.inner;
    const int64_t first = part * a.rows / a.parts, last = (part + 1) * a.rows / a.parts;
    for (int64_t row = first; row < last; ++row) a.out[row * a.inner + column] = 0;
    for (int64_t k = 0; k < a.count; ++k) {
      const int64_t row = a.indices[k];
      if (row < 0 || row >= a.rows) {
        report(a.state, kIndexError);
      } else if (row >= first && row < last) {
        a.out[row * a.inner + column] += a.updates[k * a.inner + column];
      }
    }
  }
}

}  // namespace steepest::cuda
