// A product, a convolution or attention on the emulated driver by one of the kernels that test/cuda/twin.test.ts has made of
// gemm_wgmma.cu, conv_wgmma.cu, attention_wgmma.cu and attention_wgmma_grad.cu, with a mistake in each: prints the largest error, relative to the largest sum, or the driver's result.
#include "check_products.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include "cuda.h"
#include STEEPEST_CHECKED_KERNELS

using namespace steepest::cuda;

std::vector<uint16_t> drawNumbers(int64_t count) {
  static uint32_t state = 1;
  std::vector<uint16_t> numbers(static_cast<size_t>(count));
  for (uint16_t& x : numbers) {
    state = state * 1664525u + 1013904223u;
    x = static_cast<uint16_t>(steepest::emulated::toBfloat16Bits(static_cast<float>(state >> 8) / (1 << 23) - 1.0f));
  }
  return numbers;
}

double dot(const uint16_t* a, const uint16_t* b, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += double{steepest::emulated::bfloat16(a[i])} * steepest::emulated::bfloat16(b[i]);
  return sum;
}

TensorMap describeBoxes(CUdeviceptr at, uint64_t inner, uint64_t outer, uint64_t batch, uint32_t outerBox, int kind) {
  alignas(64) TensorMap map{};
  const uint32_t bytes = kind == kTensorBfloat16 ? 2 : 4;
  const uint64_t shape[] = {inner, outer, batch}, strides[] = {inner * bytes, inner * outer * bytes};
  const uint32_t box[] = {128 / bytes, outerBox, 1}, steps[] = {1, 1, 1};
  cuTensorMapEncodeTiled(&map, kind, 3, reinterpret_cast<void*>(at), shape, strides, box, steps, 0,
                         kTensorSwizzle128, kTensorPromote256, 0);
  return map;
}

CUdeviceptr Checked::onDevice(const std::vector<uint16_t>& numbers) const {
  CUdeviceptr at = 0;
  cuMemAlloc(&at, numbers.size() * 2);
  cuMemcpyHtoDAsync(at, numbers.data(), numbers.size() * 2, stream);
  cuStreamSynchronize(stream);  // the numbers may go now
  return at;
}

std::vector<float> Checked::read(CUdeviceptr from, size_t count) const {
  std::vector<float> numbers(count);
  cuMemcpyDtoHAsync(numbers.data(), from, count * sizeof(float), stream);
  cuStreamSynchronize(stream);
  return numbers;
}

void Checked::launch(void* arguments, unsigned blocks, unsigned threads, uint32_t sharedBytes) const {
  cuFuncSetAttribute(kernel, kFunctionMaxDynamicShared, static_cast<int>(sharedBytes));
  void* parameters[] = {arguments};
  CUresult result = cuLaunchKernel(kernel, blocks, 1, 1, threads, 1, 1, sharedBytes, stream, parameters, nullptr);
  if (result == kSuccess) result = cuStreamSynchronize(stream);
  if (result == kSuccess) return;
  std::printf("%d\n", result);
  std::fflush(stdout);
  std::_Exit(0);
}

CUdeviceptr Checked::complete(GemmArguments* product) const {
  CUdeviceptr c = 0;
  cuMemAlloc(&c, static_cast<size_t>(product->size) * sizeof(float));
  product->c = reinterpret_cast<float*>(c);
  product->parts = product->batch.size = 1;
  return c;
}

std::vector<float> Checked::run(void* arguments, GemmArguments* product) const {
  const CUdeviceptr c = complete(product);
  launch(arguments, 1, kWgmmaThreads, wgmmaBytes(128));
  return read(c, static_cast<size_t>(product->size));
}

double checkProduct(const Checked& checked, bool sends, bool narrow, unsigned blocks) {
  // The stages are used again and again.
  constexpr int64_t n = 256, k = 448;
  const int64_t m = 128 * blocks;
  const std::vector<uint16_t> a = drawNumbers(m * k), b = drawNumbers(n * k);
  WgmmaArguments arguments{};
  arguments.a = describeBoxes(checked.onDevice(a), k, m, 1, kWgmmaRows);
  arguments.b = describeBoxes(checked.onDevice(b), k, n, 1, 128 / blocks);
  GemmArguments& g = arguments.product;
  g.m = m;
  g.n = n;
  g.k = g.partDepth = k;
  g.size = m * n;
  g.cRow = n;
  const CUdeviceptr c = checked.complete(&g);
  g.cQuads = sends;
  g.finish.narrow = narrow;
  arguments.sends = sends;
  if (sends) arguments.c = describeBoxes(c, n, m, 1, kBoxRows, narrow ? kTensorBfloat16 : kTensorFloat32);
  checked.launch(&arguments, blocks, kWgmmaThreads, wgmmaBytes(128));
  std::vector<float> out = checked.read(c, static_cast<size_t>(g.size));
  if (narrow) {
    std::vector<uint16_t> halves(out.size() * 2);
    std::memcpy(halves.data(), out.data(), out.size() * sizeof(float));
    for (size_t i = 0; i < out.size(); ++i) out[i] = steepest::emulated::bfloat16(halves[i]);
  }
  return errorOf(out, [&](int64_t i) { return dot(&a[i / n * k], &b[i % n * k], k); });
}

namespace {

// What a copy of patches brings to shared memory, of the first channel.
struct Seen {
  TensorMap map;
  float* to;
  int32_t pixels, at[3], offset[3];
};
constexpr uint32_t kMostPixels = 64;

STEEPEST_TILED_KERNEL(1, 1, seePatches, Seen a) {
  STEEPEST_DYNAMIC_SHARED(shared);
  auto* const barrier = reinterpret_cast<uint64_t*>(shared + kMostPixels * 128);
  ptx::initBarrier(barrier, 1);
  ptx::fenceBarriers();
  ptx::arriveExpecting(barrier, static_cast<uint32_t>(a.pixels) * 128);
  ptx::copyPatches<2>(shared, &a.map, 0, a.at, 0, a.offset, barrier);
  ptx::awaitPhase(barrier, 0);
  // Its 16 bytes are where the swizzle of a run has put them.
  for (int i = 0; i < a.pixels; ++i) {
    a.to[i] = steepest::emulated::bfloat16(*reinterpret_cast<const uint16_t*>(shared + i * 128 + i % 8 * 16));
  }
}

// Images [n, height, width] of 1, 2, 3, ...; words are these sizes, then pairs of numbers along x and y: the corners of the box,
// steps, the position that is asked for, and offsets.
void see(const Checked& checked, char** words) {
  int n[13];
  for (int i = 0; i < 13; ++i) n[i] = std::atoi(words[i]);
  const int pixels = n[0], images = n[1], height = n[2], width = n[3];
  const int *const lower = n + 4, *const upper = n + 6;
  std::vector<uint16_t> x(static_cast<size_t>(images * height * width) * 64);
  for (size_t i = 0; i < x.size(); i += 64) {
    x[i] = static_cast<uint16_t>(steepest::emulated::toBfloat16Bits(static_cast<float>(i / 64 + 1)));
  }
  Seen seen{{}, nullptr, pixels, {n[10], n[11], 0}, {n[12] % 10, n[12] / 10, 0}};
  alignas(64) TensorMap map{};
  const uint64_t shape[] = {64, static_cast<uint64_t>(width), static_cast<uint64_t>(height), static_cast<uint64_t>(images)};
  const uint64_t strides[] = {128, 128 * shape[1], 128 * shape[1] * shape[2]};
  const uint32_t steps[] = {1, static_cast<uint32_t>(n[8]), static_cast<uint32_t>(n[9]), 1};
  cuTensorMapEncodeIm2col(&map, kTensorBfloat16, 4, reinterpret_cast<void*>(checked.onDevice(x)), shape, strides, lower,
                          upper, 64, static_cast<uint32_t>(pixels), steps, 0, kTensorSwizzle128, kTensorPromote256, 0);
  seen.map = map;
  CUdeviceptr to = 0;
  cuMemAlloc(&to, kMostPixels * sizeof(float));
  seen.to = reinterpret_cast<float*>(to);
  void* parameters[] = {&seen};
  cuLaunchKernel(checked.kernel, 1, 1, 1, 1, 1, 1, kMostPixels * 128 + 8, checked.stream, parameters, nullptr);
  std::vector<float> numbers(static_cast<size_t>(pixels));
  cuMemcpyDtoHAsync(numbers.data(), to, numbers.size() * sizeof(float), checked.stream);
  cuStreamSynchronize(checked.stream);
  for (const float number : numbers) std::printf("%g ", number);
}

}  // namespace

int main(int, char** words) {
  const Checked checked{openStream(), findKernel(words[1])};
  const std::string name = words[1];
  const auto is = [&](const char* what) { return name.rfind(what, 0) == 0; };
  if (is("wrongPlaces")) {
    std::printf("%lld\n", static_cast<long long>(wrongPlaces()));
    return 0;
  }
  if (is("seePatches")) {
    see(checked, words + 2);
    return 0;
  }
  std::printf("%g\n", is("convolution")     ? checkConvolution(checked)
                      : is("attentionGrad") ? checkAttentionGrad(checked)
                      : is("attention")     ? checkAttention(checked)
                                            : checkProduct(checked, is("sent"), is("sentNarrow"), is("pair") ? 2 : 1));
  return 0;
}
