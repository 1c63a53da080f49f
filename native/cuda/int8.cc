// Products of rows rounded to int8 and int8 matrices: see kernels/int8.cu.
#include "kernels/int8.h"

#include <algorithm>
#include <string>

#include "bind.h"
#include "gemm.h"

namespace steepest::cuda {
namespace {

struct Int8Tiles {
  const char* names[2];  // b along its rows or not at all; along k
  GemmShape shape;
  int threads;
};
constexpr Int8Tiles kWide = {{"int8128x128N", "int8128x128T"}, {128, 128, kInt8Depth}, 256};
constexpr Int8Tiles kSmall = {{"int864x64N", "int864x64T"}, {64, 64, kInt8Depth}, 128};

const Int8Tiles& chooseTiles(const GemmArguments& g) {
  const std::string wanted = wantedKernel();
  const bool wide =
      wanted == "int8128x128" || (wanted != "int864x64" && g.m > 64 && g.n > 64 && fillsDevice(g, kWide.shape));
  return wide ? kWide : kSmall;
}

void add(MatmulInt8Arguments arguments, Binder& binder) {
  GemmArguments& g = arguments.product;
  const bool alongK = g.bDepth == 1 && g.bColumn != 1;
  const auto address = reinterpret_cast<uintptr_t>(arguments.b) | static_cast<uintptr_t>(g.bSlide);
  g.bQuads = alongK ? (address | static_cast<uintptr_t>(g.bColumn)) % 16 == 0
                    : g.bColumn == 1 && (address | static_cast<uintptr_t>(g.bDepth)) % 4 == 0;
  g.cQuads = canQuads(g);
  const Int8Tiles& tiles = chooseTiles(g);
  cutIntoParts(&g, tiles.shape, binder);
  const auto bytes = static_cast<uint32_t>(2 * (tiles.shape.rows + tiles.shape.columns) * (kInt8Depth + 16));
  binder.blocksSliding(tiles.names[alongK ? 1 : 0], tilesOf(g, tiles.shape), arguments, tiles.threads, bytes);
  if (g.parts > 1) binder.eachSliding("int8Parts", g.size, arguments);
}

}  // namespace

void bindMatmulInt8(const Instruction& in, Binder& binder) {
  const View& a = in.inputs[0];
  const View& b = in.inputs[1];
  QuantizeArguments quantize{};
  quantize.a = binder.operand(a);
  quantize.m = a.shape[0];
  quantize.k = a.shape[1];
  quantize.run = (quantize.k + 15) / 16 * 16;
  quantize.rows = reinterpret_cast<int8_t*>(binder.scratch(static_cast<uint64_t>(quantize.m * quantize.run)));
  quantize.steps = reinterpret_cast<float*>(binder.scratch(static_cast<uint64_t>(quantize.m) * sizeof(float)));
  binder.eachSliding("quantizeRows", quantize.m * 32, quantize);

  MatmulInt8Arguments arguments{};
  arguments.rows = quantize.rows;
  arguments.steps = quantize.steps;
  arguments.run = quantize.run;
  arguments.b = binder.at<const int8_t>(b);
  GemmArguments& g = arguments.product;
  g.bSlide = slideOf(b);
  g.m = quantize.m;
  g.n = g.cRow = b.shape[1];
  g.k = g.partDepth = quantize.k;
  g.bDepth = b.strides[0];
  g.bColumn = b.strides[1];
  g.size = g.m * g.n;
  g.batch.size = g.parts = 1;
  if (in.attrs[0] != 0 && recogniseFinish(in, binder.memory(), &g.finish, true)) {
    g.c = binder.at<float>(in.outputs[0]);
    g.cSlide = slideOf(in.outputs[0]);
    add(arguments, binder);
    return;
  }
  ProductEnd end(in, binder);
  g.c = reinterpret_cast<float*>(end.target().data);
  g.cSlide = end.target().slide;
  add(arguments, binder);
  end.finish();
}

}  // namespace steepest::cuda
