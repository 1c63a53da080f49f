#include "launches.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "../plan/table.h"
#include "bind.h"
#include "emit/sequence.h"
#include "kernels/copy.h"

namespace steepest::cuda {
namespace {

constexpr size_t kMostParameterWords = 4096 / 8;
constexpr int64_t kMaxBlocks = int64_t{1} << 20;  // kernels go on in strides from there

class Launches final : public Kernel {
 public:
  Launches(Stream& stream, std::vector<Launch> launches, std::vector<size_t> sliding,
           std::vector<std::shared_ptr<Buffer>> kept)
      : stream_(stream), launches_(std::move(launches)), sliding_(std::move(sliding)), kept_(std::move(kept)) {}

  void run(RunContext&) override {
    for (const Launch& launch : launches_) stream_.launch(launch);
  }

  void append(std::vector<Launch> launches, std::vector<std::shared_ptr<Buffer>> kept) {
    std::move(launches.begin(), launches.end(), std::back_inserter(launches_));
    std::move(kept.begin(), kept.end(), std::back_inserter(kept_));
  }

  // The first member of their arguments counts the steps.
  void move(int64_t steps) override {
    for (const size_t i : sliding_) launches_[i].arguments[0] += static_cast<uint64_t>(steps);
  }

 private:
  Stream& stream_;
  std::vector<Launch> launches_;
  const std::vector<size_t> sliding_;
  std::vector<std::shared_ptr<Buffer>> kept_;
};

}  // namespace

uint32_t gridOf(const char* kernel, int64_t blocks) {
  if (blocks >= 0 && blocks <= INT32_MAX) return static_cast<uint32_t>(blocks);
  throw std::length_error("the kernel " + std::string(kernel) + " would have " + std::to_string(blocks) +
                          " blocks, more than a launch can have");
}

const char* nameOf(const Instruction& instruction) {
  const InstructionInfo* const info = instructionInfo(instruction.opcode);
  return info != nullptr ? info->name : "?";
}

Domain domainOf(const View& view) {
  Domain domain{};
  domain.rank = view.rank;
  domain.size = view.size();
  std::copy(view.shape, view.shape + view.rank, domain.shape);
  return domain;
}

void collapse(Domain* domain, const std::vector<int64_t*>& strides) {
  int rank = 0;
  for (int d = 0; d < domain->rank; ++d) {
    if (domain->shape[d] == 1) continue;
    const bool joins = rank > 0 && std::all_of(strides.begin(), strides.end(), [&](const int64_t* s) {
                         return s[rank - 1] == s[d] * domain->shape[d];
                       });
    if (!joins) ++rank;
    domain->shape[rank - 1] = joins ? domain->shape[rank - 1] * domain->shape[d] : domain->shape[d];
    for (int64_t* s : strides) s[rank - 1] = s[d];
  }
  domain->rank = rank;
}

Operand Binder::operand(const View& view) const {
  Operand operand{};
  operand.data = memory_.bytesAt(view);
  operand.slide = slideOf(view);
  operand.dtype = static_cast<uint32_t>(view.dtype);
  std::copy(view.strides, view.strides + view.rank, operand.strides);
  return operand;
}

void Binder::setAlso(const Instruction& instruction) {
  also_ = &instruction;
  touched_.add(touchedBy(instruction, memory_));
}

uint8_t* Binder::scratch(uint64_t bytes) {
  kept_.push_back(backend_.scratch(scratches_++, bytes));
  return kept_.back()->data();
}

const uint8_t* Binder::denseBytes(const View& view) {
  if (view.contiguous() && view.steps == 0) return memory_.bytesAt(view);
  const auto elementBytes = static_cast<uint32_t>(sizeOf(view.dtype));
  uint8_t* const to = scratch(static_cast<uint64_t>(view.size()) * elementBytes);
  CopyArguments arguments{};
  arguments.domain = domainOf(view);
  arguments.in = operand(view);
  arguments.out = arguments.in;
  arguments.out.data = to;
  arguments.out.slide = 0;
  int64_t stride = 1;
  for (int d = view.rank; d-- > 0; stride *= view.shape[d]) arguments.out.strides[d] = stride;
  arguments.elementBytes = elementBytes;
  eachSliding("copyElements", view.size(), arguments);
  return to;
}

const uint8_t* Binder::uploadBytes(const void* data, uint64_t bytes) {
  std::shared_ptr<Buffer> buffer = backend_.allocate(bytes);
  backend_.write(buffer->data(), data, bytes);
  kept_.push_back(buffer);
  return buffer->data();
}

Program Binder::program(const steepest::Program& from) {
  std::vector<ProgramStep> steps;
  for (const Step& s : from.steps) {
    steps.push_back({s.op, s.lanes, s.dst, {s.args[0], s.args[1], s.args[2]}, {}, {s.immediates[0], s.immediates[1]}});
  }
  Program program{};
  program.steps = upload(steps);
  program.constants = upload(from.constants);
  program.outputs = upload(from.outputs);
  program.stepCount = static_cast<int32_t>(steps.size());
  program.inputCount = from.inputs;
  program.constantCount = static_cast<int32_t>(from.constants.size());
  program.outputCount = static_cast<int32_t>(from.outputs.size());
  return program;
}

int64_t Binder::blocksFor(int64_t threads) const {
  return std::min((threads + STEEPEST_BLOCK - 1) / STEEPEST_BLOCK, kMaxBlocks);
}

uint8_t* Binder::own(uint64_t bytes) {
  kept_.push_back(backend_.allocate(bytes));
  return kept_.back()->data();
}

// ---- launches

void Binder::add(Launch launch) {
  // Those of an instruction stay in their order.
  this->launch(waits_ ? waiting_.all() : waiting_.before(touched_));
  launches_.push_back(std::move(launch));
}

namespace {

// Equal for maps whose segments can be those of one.
std::string keyOf(const MapSegments& map) {
  const steepest::Program& program = map.program;
  std::string key = map.layout.key() + "|" + std::to_string(program.inputs);
  const auto add = [&](uint32_t n) { key += "," + std::to_string(n); };
  for (const Step& s : program.steps) {
    for (const uint32_t n : {uint32_t{s.op}, uint32_t{s.lanes}, uint32_t{s.dst}}) add(n);
    for (const uint32_t n : s.args) add(n);
    for (const uint32_t n : s.immediates) add(n);
  }
  key += "|";
  for (const uint32_t constant : program.constants) add(constant);
  key += "|";
  for (const uint32_t output : program.outputs) add(output);
  return key;
}

Launch launchOf(Device& device, const emit::Kernel& kernel, int64_t blocks, std::vector<uint64_t> arguments) {
  Launch launch;
  launch.assembled = device.assemble(kernel.text, kernel.name);
  launch.function = launch.assembled->function;
  launch.name = kernel.name;
  launch.grid = gridOf(kernel.name, blocks);
  launch.block = static_cast<uint32_t>(kernel.threads);
  launch.arguments = std::move(arguments);
  return launch;
}

}  // namespace

void Binder::emitted(const char* name, const emit::Part& part, int64_t blocks, std::vector<uint64_t> arguments) {
  const emit::Kernel kernel = emit::emitAlone(name, part, arguments.size());
  add(launchOf(device(), kernel, blocks, std::move(arguments)));
  sliding_.push_back(launches_.size() - 1);
}

void Binder::emitted(const emit::Kernel& kernel, int64_t blocks, std::vector<uint64_t> arguments,
                     uint32_t sharedBytes) {
  Launch launch = launchOf(device(), kernel, blocks, std::move(arguments));
  launch.sharedBytes = sharedBytes;
  if (sharedBytes > kSharedBytes) device().allowShared(launch.function, sharedBytes);
  add(std::move(launch));
}

// ---- launches that wait

Together::Group& Binder::groupFor(const Touched& touched, size_t words) {
  Together::Group& group = waiting_.groupFor(touched, words);
  waits_ = true;
  if (*group.operation == '\0') {
    group.operation = operation_;
    group.instruction = instruction_;
  }
  // Memory that only they use goes with them.
  group.kept.insert(group.kept.end(), kept_.begin(), kept_.end());
  return group;
}

void Binder::wait(const Touched& touched, std::vector<MapSegments> maps) {
  size_t words = 0;
  for (const MapSegments& map : maps) words += argumentWords(map);
  Together::Group& group = groupFor(touched, words);
  for (MapSegments& map : maps) {
    const auto [found, isNew] = group.maps.try_emplace(keyOf(map), map);
    if (isNew) continue;
    std::move(map.segments.begin(), map.segments.end(), std::back_inserter(found->second.segments));
  }
}

void Binder::wait(const Touched& touched, WaitingPart part) {
  groupFor(touched, part.arguments.size()).parts.push_back(std::move(part));
}

void Binder::wait(const Touched& touched, const FeedArguments& feed) {
  groupFor(touched, sizeof feed / 8).feeds.push_back(feed);
}

void Binder::settle() { launch(waiting_.all()); }

void Binder::launch(std::vector<Together::Group> groups) {
  if (inSequence() && !groups.empty()) return launchSequence(groups);
  for (Together::Group& group : groups) launch(group);
}

// Of its maps, and the others.
std::vector<WaitingPart> Binder::partsOf(Together::Group& group) {
  std::move(group.kept.begin(), group.kept.end(), std::back_inserter(kept_));
  std::vector<WaitingPart> parts;
  for (const auto& entry : group.maps) {
    MapWords words = wordsOf(entry.second, *this);
    const emit::Part part = emit::mapPart(entry.second.program, entry.second.layout, words.several);
    parts.push_back({part, std::move(words.arguments), words.blocks});
  }
  std::move(group.parts.begin(), group.parts.end(), std::back_inserter(parts));
  return parts;
}

void Binder::launch(Together::Group& group) {
  const auto put = [&](Launch launch) {
    launch.operation = group.operation;
    launch.instruction = group.instruction;
    launches_.push_back(std::move(launch));
  };
  if (!group.feeds.empty()) put(launchOfFeeds(device(), group.feeds));
  const char* const name = group.parts.empty() ? "map" : "reduce";
  std::vector<WaitingPart> waiting = partsOf(group);
  if (waiting.empty()) return;
  if (waiting.size() == 1) {
    WaitingPart& part = waiting[0];
    const emit::Kernel kernel = emit::emitAlone(name, part.part, part.arguments.size());
    return put(launchOf(device(), kernel, part.blocks, std::move(part.arguments)));
  }
  std::vector<emit::Part> parts;
  std::vector<size_t> sizes;
  std::vector<uint64_t> all((waiting.size() + 1) / 2 + 1);
  uint64_t first = 0;
  for (size_t i = 0; i < waiting.size(); ++i) {
    all[1 + i / 2] |= first << (i % 2 * 32);
    first += static_cast<uint64_t>(waiting[i].blocks);
    parts.push_back(waiting[i].part);
    sizes.push_back(waiting[i].arguments.size());
    all.insert(all.end(), waiting[i].arguments.begin(), waiting[i].arguments.end());
  }
  put(launchOf(device(), emit::emitTogether(parts, sizes), static_cast<int64_t>(first), std::move(all)));
}

void Binder::launchSequence(std::vector<Together::Group>& groups) {
  emit::Sequence sequence;
  std::vector<uint64_t> words;
  int64_t most = 0;  // blocks of a group
  for (Together::Group& group : groups) {
    sequence.groups.emplace_back();
    int64_t blocks = 0;
    std::vector<WaitingPart> parts = partsOf(group);
    for (const FeedArguments& feed : group.feeds) parts.push_back(partOfFeed(feed));
    for (WaitingPart& part : parts) {
      sequence.groups.back().push_back({part.part, part.blocks, part.arguments.size()});
      words.insert(words.end(), part.arguments.begin(), part.arguments.end());
      blocks += part.blocks;
    }
    most = std::max(most, blocks);
  }
  if (std::optional<WaitingPart> last = waiting_.takeLast()) {
    sequence.last = {last->part, 1, last->arguments.size()};
    words.insert(words.end(), last->arguments.begin(), last->arguments.end());
  }
  std::vector<uint64_t> arguments(emit::kSequencePartsAt / 8);
  sequence.inTable = words.size() > kMostParameterWords - arguments.size();
  if (sequence.inTable) {
    arguments[1] = reinterpret_cast<uint64_t>(upload(words));
  } else {
    arguments.insert(arguments.end(), words.begin(), words.end());
  }
  // One group alone needs no meeting, nor blocks that stay.
  const std::vector<SequenceWay> apart = {{emit::Meeting::kNone, most}};
  const std::vector<SequenceWay>& ways = groups.size() == 1 && !sequence.last ? apart : waiting_.ways();
  for (const SequenceWay& way : ways) {
    const bool cluster = way.meeting == emit::Meeting::kCluster, grid = way.meeting == emit::Meeting::kGrid;
    sequence.meeting = way.meeting;
    sequence.members = cluster ? static_cast<int>(way.blocks) : 1;
    const emit::SequenceKernel made = emit::emitSequence(sequence);
    Launch launch = launchOf(device(), made.kernel, grid ? std::min(way.blocks, most) : way.blocks, arguments);
    launch.sharedBytes = made.sharedBytes;
    launch.cooperative = grid;
    launch.advances = sequence.last.has_value();
    if (launch.sharedBytes > kSharedBytes) device().allowShared(launch.function, launch.sharedBytes);
    const bool fits =
        !cluster || device().clustersOf(launch.function, sequence.members, emit::kThreads, launch.sharedBytes) > 0;
    if (!fits) continue;
    if (grid) launch.arguments[0] = reinterpret_cast<uint64_t>(own(sizeof(uint32_t)));
    launch.operation = groups[0].operation;
    launch.instruction = groups[0].instruction;
    launches_.push_back(std::move(launch));
    return;
  }
}

std::unique_ptr<Kernel> Binder::finish() {
  for (Launch& launch : launches_) {
    if (*launch.operation != '\0') continue;
    launch.operation = operation_;
    launch.instruction = instruction_;
  }
  return std::make_unique<Launches>(backend_.stream(), std::move(launches_), std::move(sliding_), std::move(kept_));
}

void Binder::addTo(Kernel& kernel) { static_cast<Launches&>(kernel).append(std::move(launches_), std::move(kept_)); }

}  // namespace steepest::cuda
