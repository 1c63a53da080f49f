// The same as check_products.cc for a convolution by one of the kernels that are made of conv_wgmma.cu.
#include "check_products.h"

#include "../../../native/cuda/conv_geometry.h"
#include "../../../native/cuda/kernels/conv_wgmma.h"

using namespace steepest::cuda;

double checkConvolution(const Checked& checked) {
  // Two tiles of positions, the second of which begins inside of a row; a tap's channels are more than one group.
  constexpr int64_t images = 3, height = 9, width = 14, channels = 72, filters = 128, rows = 3, columns = 2;
  Windows windows{images, {1, height, width}, {1, 9, 7}, {1, rows, columns}, {1, 1, 2}, {1, 1, 1}, {0, 1, 0}};
  constexpr int64_t positions = images * 9 * 7, padded = 128;
  const std::vector<uint16_t> x = drawNumbers(images * height * width * channels),
                              kernel = drawNumbers(rows * columns * filters * channels);

  ConvWgmmaArguments arguments{};
  const ConvGeometry geometry(ConvKind::kForward, windows);
  geometry.describe(padded, &arguments.conv);
  arguments.conv.phases[0] = geometry.phases(padded)[0];
  arguments.conv.groups = 1;
  arguments.whole = channels;
  arguments.axes = 2;
  alignas(64) TensorMap map{};
  const uint64_t shape[] = {channels, width, height, images};
  const uint64_t strides[] = {channels * 2, width * channels * 2, height * width * channels * 2};
  const int lower[] = {0, -1}, upper[] = {12 - 13, 7 - 8};
  const uint32_t steps[] = {1, 2, 1, 1};
  cuTensorMapEncodeIm2col(&map, kTensorBfloat16, 4, reinterpret_cast<void*>(checked.onDevice(x)), shape, strides, lower,
                          upper, 64, 128, steps, 0, kTensorSwizzle128, kTensorPromote256, 0);
  arguments.source[0] = map;
  arguments.other = describeBoxes(checked.onDevice(kernel), channels, filters, rows * columns, 128);

  GemmArguments& g = arguments.conv.product;
  g.m = positions;
  g.n = g.cRow = filters;
  g.k = g.partDepth = rows * columns * padded;
  g.size = positions * filters;
  const std::vector<float> y = checked.run(arguments, &g);
  return errorOf(y, [&](int64_t i) {
    const int64_t filter = i % filters, position = i / filters, qx = position % 7, qy = position / 7 % 9;
    double sum = 0;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t s = 0; s < columns; ++s) {
        const int64_t cellX = qx * 2 + s, cellY = qy - 1 + r;
        if (cellX >= width || cellY < 0 || cellY >= height) continue;
        const uint16_t* const cell = &x[((position / 63 * height + cellY) * width + cellX) * channels];
        sum += dot(cell, &kernel[((r * columns + s) * filters + filter) * channels], channels);
      }
    }
    return sum;
  });
}
