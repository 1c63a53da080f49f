#include "loop.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "../runtime/matmul_problem.h"
#include "bind.h"
#include "clocks.h"
#include "kernels/copy.h"
#include "loop_body.h"

namespace steepest::cuda {
namespace {

using emit::kLoopThreads;
using emit::LoopLayout;
using emit::LoopMap;
using emit::LoopProduct;

int64_t ceilOf(int64_t n, int64_t by) { return (n + by - 1) / by; }
int64_t roundUp(int64_t n, int64_t to) { return ceilOf(n, to) * to; }

// A way to divide a loop among blocks.
struct Way {
  int64_t rowsOfBlock;
  int members;
  uint32_t sharedBytes = 0;
  int64_t sumsAt = 0;
  std::vector<LoopProduct> products;  // of each part; those without one are empty
  double clocks = 0;
};

// How the threads of a block divide a product, by its size only.
LoopProduct divided(const View& a, const View& b, int64_t rows, int members) {
  LoopProduct p;
  p.depth = a.shape[1];
  p.columns = roundUp(b.shape[1] / members, 4);
  p.rowsOfThread = std::min<int64_t>(rows, 4);
  for (;; p.rowsOfThread /= 2) {
    const int64_t tiles = p.columns / 4 * (rows / p.rowsOfThread);
    p.parts = 1;
    while (2 * p.parts * tiles <= kLoopThreads && p.depth >= 32 * p.parts) p.parts *= 2;
    if (p.rowsOfThread == 1 || 2 * p.parts * tiles >= kLoopThreads) break;
  }
  p.partDepth = roundUp(ceilOf(p.depth, p.parts), 4);
  return p;
}

int64_t weightBytes(const LoopProduct& p) { return 4 * p.parts * p.partDepth * p.columns; }

// False when the block's memory is too small.
bool plan(const LoopBody& body, const LoopMeetings& meetings, int64_t sharedLimit, int multiprocessors, Way* way) {
  int64_t staged = 0, sums = 0, weights = 0;
  for (const LoopPart& part : body.parts) {
    way->products.emplace_back();
    if (part.product == nullptr) continue;
    LoopProduct& p = way->products.back();
    p = divided(part.product->inputs[0], part.product->inputs[1], way->rowsOfBlock, way->members);
    staged = std::max(staged, 4 * way->rowsOfBlock * stagedStride(p));
    sums = std::max(sums, 4 * p.parts * way->rowsOfBlock * p.columns);
    weights += weightBytes(p);
  }
  way->sumsAt = roundUp(staged, 16);
  int64_t at = way->sumsAt + sums;
  if (at > sharedLimit) return false;

  const int64_t room = sharedLimit - at;
  const int64_t groups = ceilOf(body.rows, way->rowsOfBlock);
  const int64_t together = std::max<int64_t>(multiprocessors / way->members, 1);  // groups
  const int64_t waves = ceilOf(groups, together);
  const auto blocks = static_cast<double>(std::min(groups, together) * way->members);
  double step = 0, begin = 0;
  for (size_t i = 0; i < body.parts.size(); ++i) {
    step += meetings.before[i] == emit::Meeting::kCluster ? kClusterClocks : kPartClocks;
    if (body.parts[i].product == nullptr) continue;
    LoopProduct& p = way->products[i];
    p.held = p.partDepth;
    if (weights > room) p.held = p.partDepth * room / weights / 4 * 4;
    p.weightsAt = at;
    at += 4 * p.parts * p.held * p.columns;
    const auto columns = static_cast<double>(p.columns), depth = static_cast<double>(p.parts * p.partDepth);
    const double held = static_cast<double>(p.held) / static_cast<double>(p.partDepth);
    const double multiply = static_cast<double>(way->rowsOfBlock) * columns * depth / kMultiplyAddsOfClock / kOfPeak;
    const double bytes = 4 * columns * depth;
    const double reads = static_cast<double>(way->rowsOfBlock / p.rowsOfThread) * held * bytes / kSharedBytesOfClock;
    const double rest = (1 - held) * bytes;
    p.staged = meetings.staged[i];
    step += (p.staged == emit::Meeting::kCluster ? kClusterClocks : kPartClocks) +
            std::max({multiply, reads + rest / kL2BytesOfClock, rest * blocks / kAllL2BytesOfClock});
    begin += held * bytes / kL2BytesOfClock;
  }
  way->sharedBytes = static_cast<uint32_t>(at);
  way->clocks = static_cast<double>(waves) * (begin + static_cast<double>(body.steps) * step) + 2 * kLaunchClocks;
  return true;
}

// The steps as launches.
double clocksUnrolled(const Instruction& loop, const LoopBody& body, int multiprocessors) {
  double step = static_cast<double>(loop.body.size()) * kLaunchClocks;
  for (const LoopPart& part : body.parts) {
    if (part.product == nullptr) continue;
    const View& b = part.product->inputs[1];
    step +=
        static_cast<double>(body.rows * b.shape[0] * b.shape[1]) / (kMultiplyAddsOfClock * kOfPeak * multiprocessors);
  }
  return static_cast<double>(body.steps) * step;
}

// What a kernel can take.
constexpr size_t kMostWords = 4096 / 8;

// At most: a word, three of each product, two of each operand.
size_t wordsOf(const LoopBody& body) {
  size_t words = 1;
  for (const LoopPart& part : body.parts) {
    words += 3 + 2 * (static_cast<size_t>(part.slices) + part.inputs.size() + part.outputs.size());
  }
  return words;
}

bool canHave(const LoopBody& body, int members, Device& device) {
  if (members == 1) return true;
  const bool divides = body.units > 0 && body.units % (4 * members) == 0;
  return divides && members <= 8 && device.capability() >= 90;
}

// ---- what the text says

LoopMap mapOf(const LoopPart& part, const LoopBody& body, const Way& way, const Binder& binder,
              std::vector<uint64_t>& words) {
  LoopMap map;
  map.program = part.program;
  map.slices = part.slices;
  emit::MapLayout& layout = map.layout;
  std::vector<Operand> operands;
  operands.resize(static_cast<size_t>(part.slices), {nullptr, 0, {}, static_cast<uint32_t>(DType::kFloat32)});
  for (const auto* views : {&part.inputs, &part.outputs}) {
    for (const View& view : *views) operands.push_back(binder.operand(view));
  }
  const View& shape = part.domain();
  int64_t position = 1;
  for (int d = shape.rank; d-- > 0; position *= shape.shape[d]) map.positions[d] = position;

  // Rows, then what is left of the other axes, the last of them divided among members.
  Domain inner = domainOf(shape);
  std::copy(inner.shape + 1, inner.shape + inner.rank, inner.shape);
  --inner.rank;
  std::vector<int64_t*> all = {map.positions};
  for (Operand& operand : operands) all.push_back(operand.strides);
  std::vector<int64_t*> strides;
  for (int64_t* s : all) strides.push_back(s + 1);
  collapse(&inner, strides);
  if (inner.rank == 0) {
    inner.rank = 1;
    inner.shape[0] = 1;
    for (int64_t* s : strides) s[0] = 1;
  }
  if (way.members > 1) {
    int last = inner.rank - 1;
    if (inner.shape[last] > body.units) {
      inner.shape[last + 1] = body.units;
      inner.shape[last] /= body.units;
      for (int64_t* s : strides) {
        s[last + 1] = s[last];
        s[last] *= body.units;
      }
      inner.rank = ++last + 1;
    }
    inner.shape[last] /= way.members;
  }
  layout.rank = 1 + inner.rank;
  layout.shape[0] = body.rows;
  std::copy(inner.shape, inner.shape + inner.rank, layout.shape + 1);
  int64_t each = way.rowsOfBlock;
  for (int d = 1; d < layout.rank; ++d) each *= layout.shape[d];

  const size_t outputs = part.outputs.size();
  // Quads where there are enough for all threads.
  bool wide = layout.shape[layout.rank - 1] % 4 == 0 && each >= 4 * kLoopThreads;
  for (size_t k = 0; k < operands.size(); ++k) {
    const Operand& operand = operands[k];
    emit::Layout o{static_cast<DType>(operand.dtype), operand.slide != 0, {}};
    std::copy(operand.strides, operand.strides + layout.rank, o.strides);
    layout.operands.push_back(o);
    layout.aligned.push_back(isAligned(operand, layout.rank));
    wide = wide && (k + outputs < operands.size() || layout.aligned[k]);
  }
  layout.width = wide ? 4 : 1;
  map.arguments = static_cast<int64_t>(8 * words.size());
  for (const Operand& o : operands) words.push_back(reinterpret_cast<uint64_t>(o.data));
  for (const Operand& o : operands) words.push_back(static_cast<uint64_t>(o.slide));
  return map;
}

// Where the weights are as the kernel wants them: in their place, or in a copy that is made before it.
const uint8_t* weightsOf(const View& b, const LoopProduct& p, const LoopBody& body, int members, Binder& binder) {
  const uint8_t* const place = binder.bytesAt(b);
  const int64_t depth = p.parts * p.partDepth;
  if (members == 1 && b.contiguous() && depth == b.shape[0] && p.columns == b.shape[1] &&
      reinterpret_cast<uintptr_t>(place) % 16 == 0) {
    return place;
  }
  uint8_t* const copy = binder.own(static_cast<uint64_t>(weightBytes(p) * members));  // zeros
  const int64_t units = members == 1 ? b.shape[1] : body.units, share = units / members;
  CopyArguments arguments{};
  arguments.in = binder.operand(b);
  arguments.out = arguments.in;
  arguments.out.data = copy;
  arguments.elementBytes = sizeof(float);
  const int64_t shape[] = {members, b.shape[0], b.shape[1] / units, share};
  const int64_t in[] = {b.strides[1] * share, b.strides[0], b.strides[1] * units, b.strides[1]};
  const int64_t out[] = {depth * p.columns, p.columns, share, 1};
  arguments.domain.rank = 4;
  arguments.domain.size = b.shape[0] * b.shape[1];
  std::copy(shape, shape + 4, arguments.domain.shape);
  std::copy(in, in + 4, arguments.in.strides);
  std::copy(out, out + 4, arguments.out.strides);
  collapse(&arguments.domain, {arguments.in.strides, arguments.out.strides});
  binder.eachSliding("copyElements", arguments.domain.size, arguments);
  return copy;
}

// Null when the device has no room for a cluster.
std::unique_ptr<Kernel> bindWay(const LoopBody& body, const LoopMeetings& meetings, const Way& way, Binder& binder) {
  LoopLayout layout;
  layout.steps = body.steps;
  layout.rows = body.rows;
  layout.rowsOfBlock = way.rowsOfBlock;
  layout.members = way.members;
  layout.sumsAt = way.sumsAt;
  std::vector<uint64_t> words(1);  // that of operands which slide in a loop around
  for (size_t i = 0; i < body.parts.size(); ++i) {
    const LoopPart& part = body.parts[i];
    emit::LoopInstruction in;
    in.before = meetings.before[i];
    if (part.product != nullptr) {
      LoopProduct p = way.products[i];
      const Operand a = binder.operand(part.product->inputs[0]);
      p.a = {DType::kFloat32, a.slide != 0, {a.strides[0], a.strides[1]}};
      p.aligned = p.depth % 4 == 0 && isAligned(a, 2);
      p.bfloat16 = roundsToBfloat16(*part.product);
      p.arguments = static_cast<int64_t>(8 * words.size());
      words.push_back(reinterpret_cast<uint64_t>(a.data));
      words.push_back(static_cast<uint64_t>(a.slide));
      words.push_back(reinterpret_cast<uint64_t>(weightsOf(part.product->inputs[1], p, body, way.members, binder)));
      in.product = p;
    }
    in.map = mapOf(part, body, way, binder, words);
    layout.body.push_back(std::move(in));
  }
  const emit::Kernel kernel = emit::emitLoop(layout, words.size());
  if (way.members > 1) {
    Device& device = binder.device();
    const std::shared_ptr<const Assembled> assembled = device.assemble(kernel.text, kernel.name);
    device.allowShared(assembled->function, way.sharedBytes);
    if (device.clustersOf(assembled->function, way.members, kernel.threads, way.sharedBytes) == 0) return nullptr;
  }
  binder.emitted(kernel, layout.blocks(), std::move(words), way.sharedBytes);
  return binder.finish();
}

}  // namespace

std::unique_ptr<Kernel> bindLoopTogether(const Instruction& loop, const Memory& memory, CudaBackend& backend,
                                         Together& waiting) {
  const char* const wanted = std::getenv("STEEPEST_CUDA_LOOPS");
  const int members = wanted != nullptr && *wanted != '\0' ? std::atoi(wanted) : -1;
  if (members == 0) return nullptr;
  const auto refuse = [&](const std::string& why) {
    if (members > 0) {
      std::fprintf(stderr, "steepest: the loop of instruction %u is launched step by step: %s\n", loop.number,
                   why.c_str());
    }
    return nullptr;
  };
  LoopBody body;
  const std::string why = readLoop(loop, memory, &body);
  if (!why.empty()) return refuse(why);
  if (wordsOf(body) > kMostWords) return refuse("it has too many operands");
  Device& device = backend.stream().device();
  if (!emits(device)) return refuse("no kernels are emitted");
  const int64_t sharedLimit = device.sharedBytes();
  const int multiprocessors = device.multiprocessors();
  const double unrolled = clocksUnrolled(loop, body, multiprocessors);
  const LoopMeetings alone = meetingsOf(body, false), joined = meetingsOf(body, true);
  std::vector<Way> ways;
  for (const int count : {1, 2, 4, 8}) {
    if ((members > 0 && count != members) || !canHave(body, count, device)) continue;
    if (members < 0 && count > multiprocessors) continue;
    for (const int64_t rows : {1, 2, 4, 8, 16}) {
      if (rows > 1 && rows / 2 >= body.rows) break;
      Way way{rows, count, 0, 0, {}, 0};
      if (!plan(body, count == 1 ? alone : joined, sharedLimit, multiprocessors, &way)) break;
      if (members > 0 || way.clocks <= unrolled) ways.push_back(std::move(way));
    }
  }
  std::stable_sort(ways.begin(), ways.end(), [](const Way& a, const Way& b) { return a.clocks < b.clocks; });
  int most = 8;  // blocks that a cluster has room for, as far as it is known
  for (const Way& way : ways) {
    if (way.members > most) continue;
    Binder binder(backend, memory, loop, waiting);
    if (auto kernel = bindWay(body, way.members == 1 ? alone : joined, way, binder)) return kernel;
    most = way.members / 2;
  }
  return refuse("no block has the memory for it, its columns cannot be divided, or clusters have no room");
}

}  // namespace steepest::cuda
