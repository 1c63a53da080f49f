// What check_products.cc, check_convolutions.cc and check_attention.cc share.
#pragma once

#include <cmath>
#include <cstring>
#include <vector>

#include "../../../native/cuda/kernels/gemm.h"
#include "../../../native/cuda/kernels/gemm_wgmma.h"
#include "check_device.h"

std::vector<uint16_t> drawNumbers(int64_t count);  // of bfloat16
double dot(const uint16_t* a, const uint16_t* b, int64_t count);
// [batch, outer, inner] for boxes of `outerBox` runs of 128 bytes.
steepest::cuda::TensorMap describeBoxes(CUdeviceptr at, uint64_t inner, uint64_t outer, uint64_t batch, uint32_t outerBox,
                                        int kind = steepest::cuda::kTensorBfloat16);

// The kernel that is looked at.
struct Checked {
  CUstream stream;
  CUfunction kernel;

  CUdeviceptr onDevice(const std::vector<uint16_t>& numbers) const;
  std::vector<float> read(CUdeviceptr from, size_t count) const;
  // Ends the program with the driver's result if there is one.
  void launch(void* arguments, unsigned blocks, unsigned threads, uint32_t sharedBytes) const;
  // c, and what is 1.
  CUdeviceptr complete(steepest::cuda::GemmArguments* product) const;
  // Of 128 x 128 tiles in one block; `product` is part of the arguments, and to be completed.
  std::vector<float> run(void* arguments, steepest::cuda::GemmArguments* product) const;
  template <typename Arguments>
  std::vector<float> run(Arguments& arguments, steepest::cuda::GemmArguments* product) const {
    return run(static_cast<void*>(&arguments), product);
  }
};

// The largest error, relative to the largest number; no number is one.
template <typename Expected>
double errorOf(const std::vector<float>& out, Expected expected) {
  double error = 0, largest = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    const double sum = expected(static_cast<int64_t>(i));
    const double off = std::fabs(static_cast<double>(out[i]) - sum);
    error = off <= error || std::isnan(error) ? error : off;
    largest = std::fmax(largest, std::fabs(sum));
  }
  return error / largest;
}

// `sends`: results go to memory in boxes; as bfloat16 numbers if `narrow`. Several blocks are a cluster.
double checkProduct(const Checked& checked, bool sends, bool narrow, unsigned blocks);
double checkConvolution(const Checked& checked);
double checkAttention(const Checked& checked);
double checkAttentionGrad(const Checked& checked);  // of keys and values
// Of positions and taps of convolutions about as large as 32 bits can name: how many see another place than 64-bit numbers say.
int64_t wrongPlaces();
