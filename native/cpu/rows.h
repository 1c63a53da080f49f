// Inner loops over the rows of a contiguous matrix [rows, columns], one table per CPU target.
#pragma once

#include <cstdint>

namespace steepest {

// Nothing here aliases: outputs never overlap inputs. Rows do not influence each other, so any split of the rows over
// threads gives the same bits. NaN and infinities follow from the formulas: a row of -inf only, or with +inf or NaN in it,
// has NaN for its softmax.
struct RowKernels {
  // y = exp(x - max x) / sum exp(x - max x)
  void (*softmax)(const float* x, float* y, int64_t rows, int64_t columns);
  // y = (x - max x) - log sum exp(x - max x)
  void (*logSoftmax)(const float* x, float* y, int64_t rows, int64_t columns);
  // dx = y * (dy - sum(y * dy))
  void (*softmaxGrad)(const float* y, const float* dy, float* dx, int64_t rows, int64_t columns);
  // dx = dy - exp(y) * sum(dy)
  void (*logSoftmaxGrad)(const float* y, const float* dy, float* dx, int64_t rows, int64_t columns);

  // loss = logsumexp(x) - x[label]. False when a label lies outside [0, columns): its row's loss is NaN.
  bool (*crossEntropy)(const float* x, const int32_t* labels, float* loss, int64_t rows, int64_t columns);
  // dx = (softmax(x) - onehot(label)) * dloss, and the loss as well unless it is null. False when a label lies outside
  // [0, columns): its row is zero.
  bool (*crossEntropyGrad)(const float* x, const int32_t* labels, const float* dloss, float* dx, float* loss,
                           int64_t rows, int64_t columns);

  // Index of the first maximum (minimum) of each row; a NaN is beyond every number.
  void (*argMaxFloat)(const float* x, int32_t* index, int64_t rows, int64_t columns);
  void (*argMinFloat)(const float* x, int32_t* index, int64_t rows, int64_t columns);
  void (*argMaxInt)(const int32_t* x, int32_t* index, int64_t rows, int64_t columns);
  void (*argMinInt)(const int32_t* x, int32_t* index, int64_t rows, int64_t columns);

  // The same down the columns of x [rows, ld], for `columns` of them.
  void (*argMaxFloatDown)(const float* x, int32_t* index, int64_t rows, int64_t columns, int64_t ld);
  void (*argMinFloatDown)(const float* x, int32_t* index, int64_t rows, int64_t columns, int64_t ld);
  void (*argMaxIntDown)(const int32_t* x, int32_t* index, int64_t rows, int64_t columns, int64_t ld);
  void (*argMinIntDown)(const int32_t* x, int32_t* index, int64_t rows, int64_t columns, int64_t ld);

  // y += x
  void (*add)(const float* x, float* y, int64_t n);
};

}  // namespace steepest
