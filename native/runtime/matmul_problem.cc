#include "matmul_problem.h"

namespace steepest {
namespace {

// Stride of the axis that is `fromEnd` axes before the end; zero where the view has no such axis.
int64_t strideFromEnd(const View& v, int fromEnd) { return fromEnd <= v.rank ? v.strides[v.rank - fromEnd] : 0; }
int64_t sizeFromEnd(const View& v, int fromEnd) { return fromEnd <= v.rank ? v.shape[v.rank - fromEnd] : 1; }

void foldBatchesIntoRows(MatmulProblem* p) {
  while (!p->batch.empty()) {
    const MatmulProblem::Axis& axis = p->batch.back();
    if (axis.b != 0 || (p->m != 1 && axis.a != p->m * p->aRow)) return;
    if (p->m == 1) p->aRow = axis.a;
    p->m *= axis.size;
    p->batch.pop_back();
  }
}

}  // namespace

void MatmulProblem::transpose() {
  std::swap(a, b);
  std::swap(aSlide, bSlide);
  std::swap(m, n);
  std::swap(aRow, bColumn);
  std::swap(aDepth, bDepth);
  for (Axis& axis : batch) std::swap(axis.a, axis.b);
  transposed = !transposed;
}

int64_t MatmulProblem::aOffset(int64_t item) const {
  int64_t offset = 0;
  for (size_t i = batch.size(); i-- > 0; item /= batch[i].size) offset += item % batch[i].size * batch[i].a;
  return offset;
}

int64_t MatmulProblem::bOffset(int64_t item) const {
  int64_t offset = 0;
  for (size_t i = batch.size(); i-- > 0; item /= batch[i].size) offset += item % batch[i].size * batch[i].b;
  return offset;
}

bool MatmulProblem::sharesB() const {
  for (const Axis& axis : batch) {
    if (axis.b != 0) return false;
  }
  return true;
}

MatmulProblem matmulProblem(const Instruction& instruction, const Memory& memory) {
  const View& a = instruction.inputs[0];
  const View& b = instruction.inputs[1];
  MatmulProblem p{};
  p.a = {memory.bytesAt(a), a.dtype == DType::kBfloat16};
  p.b = {memory.bytesAt(b), b.dtype == DType::kBfloat16};
  p.aSlide = slideOf(a);
  p.bSlide = slideOf(b);
  p.m = sizeFromEnd(a, 2);
  p.k = sizeFromEnd(a, 1);
  p.n = sizeFromEnd(b, 1);
  p.aRow = strideFromEnd(a, 2);
  p.aDepth = strideFromEnd(a, 1);
  p.bDepth = strideFromEnd(b, 2);
  p.bColumn = strideFromEnd(b, 1);
  for (int fromEnd = a.rank > b.rank ? a.rank : b.rank; fromEnd > 2; --fromEnd) {
    const int64_t aSize = sizeFromEnd(a, fromEnd), bSize = sizeFromEnd(b, fromEnd);
    const int64_t size = aSize == 1 ? bSize : aSize;
    if (size == 1) continue;
    p.batch.push_back({size, aSize == 1 ? 0 : strideFromEnd(a, fromEnd), bSize == 1 ? 0 : strideFromEnd(b, fromEnd)});
  }
  foldBatchesIntoRows(&p);
  if (p.n == 1 && p.m != 1) p.transpose();
  // The stride of an axis of one element is free: take the one that reads fastest.
  if (p.k == 1) p.aDepth = 1;
  if (p.n == 1) p.bColumn = 1;
  p.batches = 1;
  for (const MatmulProblem::Axis& axis : p.batch) p.batches *= axis.size;
  return p;
}

}  // namespace steepest
