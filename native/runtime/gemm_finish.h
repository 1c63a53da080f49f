// The common epilogues of products, which kernels do in registers: the same for all backends (matmul_finish.cc recognises
// them). No STL: code with flags of its own and device code include it.
#pragma once

#include <stdint.h>

namespace steepest {

// What happens to a finished element before it is stored, in this order; the common epilogues:
//   v = product * scale;  v *= scales[column];  v += bias[column];  v += added[row, column];  v = max(v, 0);  v = gate[row, column] > 0 ? v : 0
// NaN in v propagates through relu. A gate that multiplies is v * (gate > 0): it differs in NaN and in the sign of zero.
struct GemmFinish {
  float scale = 1;
  const float* scales = nullptr;          // or null
  int64_t scalesStep = 1;                 // 0: one number for all columns
  const float* bias = nullptr;            // or null
  int64_t biasStep = 1;                   // 0: one number for all columns
  const float* added = nullptr;           // or null; rows as far apart as those of c
  const float* gate = nullptr;            // or null; rows as far apart as those of c
  int64_t addedSlide = 0, gateSlide = 0;  // bytes, with every step of a loop
  bool relu = false, gateMultiplies = false;
  // bfloat16 numbers in memory: added, gate, and C, to which v is rounded at last.
  bool addedNarrow = false, gateNarrow = false, narrow = false;
  bool unused[3] = {};  // all bytes are set: devices get them

  // Whether anything happens at all.
  bool any() const { return scale != 1 || scales || bias || added || relu || gate || narrow; }
  // For a block that begins at this column, and at this element of C.
  GemmFinish from(int64_t column, int64_t element) const {
    GemmFinish f = *this;
    if (f.scales) f.scales += f.scalesStep * column;
    if (f.bias) f.bias += f.biasStep * column;
    if (f.added) f.added += element;
    if (f.gate) f.gate += element;
    return f;
  }
};

}  // namespace steepest
