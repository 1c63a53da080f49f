#include "sequence.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "../runtime/matmul_problem.h"
#include "bind.h"
#include "clocks.h"
#include "emit/product.h"
#include "gemm.h"
#include "sequence_parts.h"

namespace steepest::cuda {
namespace {

using emit::Meeting;

// In a run: the assembler's time grows faster than the text.
constexpr size_t kMostInstructions = 64;
// Launches that become one: what assembling the kernel takes, a tenth of a second, is worth it.
constexpr int kLeastLaunches = 4;
// How much faster products of rounded operands are where tensor cores multiply them, as they do in kernels of their own.
constexpr double kTensorCores = 8;

// What an instruction costs, in clocks of multiprocessors.
struct Work {
  double all = 0, block = 0;  // of all blocks, and the longest of them
  double bytes = 0;
  double launched = 0;  // the clocks of all where it is launched
  bool alone = false;   // it is a launch of its own there
};

double bytesOf(const std::vector<View>& views) {
  double bytes = 0;
  for (const View& view : views) bytes += static_cast<double>(view.size()) * static_cast<double>(sizeOf(view.dtype));
  return bytes;
}

Work workOf(const Instruction& in) {
  Work work;
  const auto opcode = static_cast<Opcode>(in.opcode);
  work.bytes = bytesOf(in.inputs) + bytesOf(in.outputs);
  if (opcode == Opcode::kMatmul) {
    const auto rows = static_cast<double>(in.outputs[0].shape[0]),
               columns = static_cast<double>(in.outputs[0].shape[1]);
    const auto depth = static_cast<double>(in.inputs[0].shape[1]);
    const int64_t side = emit::tileEdgeOf(in.outputs[0].shape[0], in.outputs[0].shape[1]);
    const auto edge = static_cast<double>(side);
    const double tiles = static_cast<double>((in.outputs[0].shape[0] + side - 1) / side) *
                         static_cast<double>((in.outputs[0].shape[1] + side - 1) / side);
    const double end = static_cast<double>(in.inputs.size() - 2 + in.outputs.size()) * 4 * edge * edge;
    const double multiply = edge * edge * depth / kMultiplyAddsOfClock / kOfPeak;
    work.block = 3 * kPartClocks + (8 * edge * depth + end) / kL2BytesOfClock + multiply;
    work.all = tiles * work.block;
    work.bytes = tiles * (8 * edge * depth + end);
    work.alone = true;
    const bool rounded = precisionOf(in) != Precision::kFloat32;
    work.launched = rows * columns * depth / kMultiplyAddsOfClock / kOfPeak / (rounded ? kTensorCores : 1) +
                    bytesOf(in.inputs) / kL2BytesOfClock;
    return work;
  }
  // A thread works on an element or a quad of neighbours, a warp on a row.
  const double blocks =
      std::max(work.bytes / (1024.0 * static_cast<double>(in.inputs.size() + in.outputs.size())), 1.0);
  work.block = 2 * kPartClocks;
  work.all = blocks * work.block / 4 + work.bytes / kL2BytesOfClock;
  work.launched = work.all;
  work.alone =
      opcode != Opcode::kMap && opcode != Opcode::kReduce && opcode != Opcode::kCopy && opcode != Opcode::kFeed;
  return work;
}

// Instructions that do not depend on each other, as Together has them.
struct Level {
  double all = 0, block = 0, bytes = 0, launched = 0;
  int launches = 0;
  bool together = false, feeds = false;
};

std::vector<Level> levelsOf(const std::vector<Instruction>& instructions, size_t first, size_t end,
                            const Memory& memory) {
  std::vector<Touched> touched;
  std::vector<size_t> levels;
  std::vector<Level> all;
  for (size_t i = first; i < end; ++i) {
    const Instruction& in = instructions[i];
    touched.push_back(touchedBy(in, memory));
    size_t level = 0;
    for (size_t k = 0; k + first < i; ++k) {
      if (levels[k] >= level && depend(touched[k], touched.back())) level = levels[k] + 1;
    }
    levels.push_back(level);
    if (all.size() <= level) all.resize(level + 1);
    const Work work = workOf(in);
    Level& to = all[level];
    to.all += work.all;
    to.block = std::max(to.block, work.block);
    to.bytes += work.bytes;
    to.launched += work.launched;
    to.launches += work.alone ? 1 : 0;
    const bool feeds = static_cast<Opcode>(in.opcode) == Opcode::kFeed;
    to.feeds = to.feeds || feeds;
    to.together = to.together || (!work.alone && !feeds);
  }
  return all;
}

double clocksOf(const std::vector<Level>& levels, double blocks, double meeting) {
  double clocks = kLaunchClocks;
  for (const Level& level : levels) {
    clocks += std::max({level.block, level.all / blocks, level.bytes / kAllL2BytesOfClock}) + meeting;
  }
  return clocks - meeting;
}

int launchesOf(const Level& level) { return level.launches + (level.together ? 1 : 0) + (level.feeds ? 1 : 0); }
int launchesOf(const std::vector<Level>& levels) {
  int launches = 0;
  for (const Level& level : levels) launches += launchesOf(level);
  return launches;
}

double clocksLaunched(const std::vector<Level>& levels, double multiprocessors) {
  double clocks = 0;
  for (const Level& level : levels) {
    clocks += launchesOf(level) * kLaunchClocks +
              std::max(level.launched / multiprocessors, level.bytes / kAllL2BytesOfClock);
  }
  return clocks;
}

double meetingOf(const SequenceWay& way) {
  return way.meeting == Meeting::kGrid      ? kGridClocks
         : way.meeting == Meeting::kCluster ? kClusterClocks
                                            : kPartClocks / 6;
}

// Those that the device has; of them the one that is wanted, if any: a number of blocks that are one or a cluster, 'grid', or 'grid:' and a
// number of blocks.
std::vector<SequenceWay> waysOf(Device& device, const std::string& wanted) {
  if (wanted.rfind("grid", 0) == 0) {
    const int64_t blocks = wanted.size() > 5 ? std::atoi(wanted.c_str() + 5) : device.multiprocessors();
    if (!device.launchesCooperatively()) return {};
    return {{Meeting::kGrid, std::clamp<int64_t>(blocks, 1, device.multiprocessors())}};
  }
  std::vector<SequenceWay> ways = {{Meeting::kBlock, 1}};
  if (device.capability() >= 90) {
    for (const int64_t blocks : {2, 4, 8}) ways.push_back({Meeting::kCluster, blocks});
  }
  if (device.launchesCooperatively()) ways.push_back({Meeting::kGrid, device.multiprocessors()});
  const auto isOut = [&](const SequenceWay& way) {
    if (wanted.empty()) return way.meeting == Meeting::kCluster && way.blocks > device.multiprocessors();
    return way.meeting == Meeting::kGrid || std::to_string(way.blocks) != wanted;
  };
  ways.erase(std::remove_if(ways.begin(), ways.end(), isOut), ways.end());
  return ways;
}

}  // namespace

std::vector<SequenceRun> runsOf(const std::vector<Instruction>& instructions, const Memory& memory, Device& device) {
  const char* const text = std::getenv("STEEPEST_CUDA_SEQUENCES");
  const std::string wanted = text != nullptr ? text : "";
  const std::vector<SequenceWay> able = waysOf(device, wanted);
  std::vector<SequenceRun> runs;
  if (able.empty() || !wantedKernel().empty()) return runs;
  for (size_t first = 0, end = 0; first < instructions.size(); first = end) {
    end = first;
    while (end < instructions.size() && end - first < kMostInstructions && canBePart(instructions[end])) ++end;
    if (end == first) {
      ++end;
      continue;
    }
    const std::vector<Level> levels = levelsOf(instructions, first, end, memory);
    if (wanted.empty() && launchesOf(levels) < kLeastLaunches) continue;
    std::vector<std::pair<double, SequenceWay>> ways;
    for (const SequenceWay& way : able) {
      ways.emplace_back(clocksOf(levels, static_cast<double>(way.blocks), meetingOf(way)), way);
    }
    std::stable_sort(ways.begin(), ways.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    const double launched = clocksLaunched(levels, device.multiprocessors());
    SequenceRun run{first, end, {}};
    for (const auto& [clocks, way] : ways) {
      if (!wanted.empty() || clocks < launched) run.ways.push_back(way);
    }
    if (run.ways.empty() || !emits(device)) continue;
    // Where a cluster has no room.
    if (run.ways.back().meeting == Meeting::kCluster) run.ways.push_back({Meeting::kBlock, 1});
    runs.push_back(std::move(run));
  }
  return runs;
}

}  // namespace steepest::cuda
