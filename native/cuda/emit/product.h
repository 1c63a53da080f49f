// product: a small matrix product with the map that ends it, a square tile of the result for each block. Both operands are copied to
// shared memory as they lie in memory, so any transposition is read there. Where tiles are small, groups of threads divide the depth
// among them, every so many quads of it, and their sums are added up in order: what is added to what depends on the shape only.
#pragma once

#include "map.h"

namespace steepest::cuda::emit {

struct ProductOperand {
  Layout layout;           // of a by row and depth, of b by depth and column
  bool alongDepth = true;  // neighbours in memory are neighbours along the depth, rather than along the other axis
  bool aligned = false;    // quads of them are one access
};

struct ProductLayout {
  int64_t rows = 0, columns = 0, depth = 0;
  ProductOperand a, b;
  bool bfloat16 = false;  // operands are rounded
  int64_t edge = 16;      // of a tile: 16, 32 or 64
  int64_t chunk = 0;      // of the depth, that is in shared memory at once: see chunkOf
  // What the product ends with, over [rows, columns]: the product is its first input, and its first operand none.
  steepest::Program program;
  MapLayout end;
};

// The tiles that suit the shape: large ones read less, small ones are more.
int64_t tileEdgeOf(int64_t rows, int64_t columns);
int64_t productBlocks(const ProductLayout& product);
// As much of the depth as fits so many bytes of shared memory, which results do not depend on.
int64_t chunkOf(const ProductLayout& product, int64_t bytes);

// Arguments: { a, b, data[operands] }.
Part productPart(const ProductLayout& product);

}  // namespace steepest::cuda::emit
