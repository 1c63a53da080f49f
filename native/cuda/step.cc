// The borders of a plan: see kernels/step.cu.
#include "kernels/step.h"

#include "../runtime/host.h"
#include "bind.h"
#include "emit/step.h"

namespace steepest::cuda {

void bindFeed(const Instruction& in, Binder& binder) {
  const View& out = in.outputs[0];
  FeedArguments arguments{};
  arguments.state = binder.step();
  arguments.out = binder.bytesAt(out);
  arguments.size = out.size();
  arguments.rowSize = static_cast<int64_t>(elementsPerRow(out));
  arguments.slot = in.attrs[0];
  arguments.dtype = static_cast<uint32_t>(out.dtype);
  if (arguments.size > 0) binder.wait({{}, {rangeOf(out, binder.memory())}}, arguments);
}

Launch launchOfFeeds(Device& device, const std::vector<FeedArguments>& feeds) {
  FeedsArguments arguments{};
  int64_t blocks = 0;
  for (const FeedArguments& feed : feeds) {
    FeedArguments& own = arguments.feeds[arguments.count++];
    own = feed;
    own.firstBlock = blocks;
    blocks += (feed.size + STEEPEST_BLOCK - 1) / STEEPEST_BLOCK;
  }
  return prepare(device, "feedRows", blocks, STEEPEST_BLOCK, arguments);
}

WaitingPart partOfFeed(const FeedArguments& feed) {
  const auto dtype = static_cast<DType>(feed.dtype);
  const bool quads = sizeOf(dtype) == 4 && feed.rowSize % 4 == 0 && reinterpret_cast<uintptr_t>(feed.out) % 16 == 0;
  const emit::FeedLayout layout{feed.slot, dtype, feed.size, feed.rowSize, quads};
  return {emit::feedPart(layout),
          {reinterpret_cast<uint64_t>(feed.state), reinterpret_cast<uint64_t>(feed.out)},
          emit::feedBlocks(layout)};
}

WaitingPart partOfAdvance(StepState* state) { return {emit::advancePart(), {reinterpret_cast<uint64_t>(state)}, 1}; }

void bindFetch(const Instruction& in, Binder& binder) {
  const View& from = in.inputs[0];
  FetchArguments arguments{};
  arguments.state = binder.step();
  arguments.in = binder.bytesAt(from);
  arguments.size = from.size();
  arguments.rowSize = static_cast<int64_t>(elementsPerRow(from));
  arguments.slot = in.attrs[0];
  arguments.elementBytes = static_cast<uint32_t>(sizeOf(from.dtype));
  binder.each("fetchRows", arguments.size, arguments);
}

}  // namespace steepest::cuda
