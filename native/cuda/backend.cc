#include "backend.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <cstring>
#include <utility>

#include "../runtime/allocator.h"
#include "../runtime/executor.h"
#include "../runtime/host.h"
#include "../runtime/storage.h"
#include "bind.h"
#include "launches.h"

namespace steepest::cuda {
namespace {

// Steps handed over at once. The host is one such part ahead of the device, and another one that it hands over: so late an
// error in the data, or an abort, ends a job.
constexpr uint64_t kStepsAhead = 32;
// Launches in a graph of several steps, and the most in one of a single step (a loop's are as many as it has steps).
constexpr size_t kLaunchesTogether = 256;
constexpr size_t kMostLaunches = 4096;
constexpr size_t kSpareBuffers = 8;

// Launches of a step are the same every time: all that differs is in the step's state. So they are captured once.
struct PlanGraphs final : BackendPlan {
  size_t launches = 0;
  uint64_t together = 1;  // steps of `several`
  bool usable = true;
  bool seen = false;
  std::unique_ptr<Graph> one, several;
};

}  // namespace

// What a job, or a single step, has on the device. Another one may run between two steps of a job.
class CudaBackend::Run final : public BackendRun {
 public:
  Run(CudaBackend& backend, RunContext& context) : backend(backend), context(context) {}
  ~Run() override {
    if (backend.active_ == this) backend.active_ = nullptr;
    // After an error there may still be steps that read what goes with this, or is given back.
    try {
      backend.device_.use();
      backend.stream_.wait();
      if (copied[0]) backend.copies_->wait();
    } catch (const std::exception&) {
      // lost, and nothing runs any more
    }
    for (Staged& part : staged) {
      for (auto& buffer : part.buffers) backend.giveBack(std::move(buffer));
    }
    for (auto* list : {&buffers, &tables}) {
      for (auto& buffer : *list) backend.giveBack(std::move(buffer));
    }
  }

  // Rows that are copied to the device step by step, because they do not fit it as a whole or are for one step only.
  struct Staged {
    size_t slot;
    uint64_t rows = 0;  // that the buffer has room for
    std::unique_ptr<Buffer> buffers[2];
    std::unique_ptr<PinnedMemory> pinned[2];
  };
  struct Fetched {
    uint8_t* on;
    uint64_t rowBytes;
  };

  CudaBackend& backend;
  RunContext& context;
  std::vector<Slot> feeds[2], fetches;          // steps take the two in turns
  std::vector<std::shared_ptr<Buffer>> copies;  // of storages
  std::vector<std::unique_ptr<Buffer>> buffers, tables;
  std::vector<Staged> staged;
  std::vector<Fetched> fetched;
  std::unique_ptr<Buffer> order;
  bool changed = true;  // the tables
  uint64_t nextRow = 0, rows = 0, nextStep = 0;
  // Rows of fetches that steps have made: from where the job began to the end of its first epoch, and in later ones.
  struct Rows {
    uint64_t first = UINT64_MAX, last = 0;
  };
  Rows made[2];
  size_t lap = 0;
  uint64_t ahead = 0;               // steps since the last mark
  std::unique_ptr<Event> marks[2];  // in turns, every kStepsAhead steps
  size_t turn = 0;                  // of marks
  // Of staged slots: those that the next step reads, when they are there, and when they may be written again.
  size_t parity = 0;
  std::unique_ptr<Event> copied[2], used[2];

  void stage(const std::vector<View>& slots);
};

CudaBackend::CudaBackend(Device& device)
    : device_(device),
      attention_(device, sizeof(uint32_t)),
      sent_(device, sizeof(StepState)),
      stream_(device),
      step_(device.allocate(sizeof(StepState))) {
  advance_ = prepare(device, "advance", 1, 1, AdvanceArguments{step()});
}

std::unique_ptr<Buffer> CudaBackend::allocate(uint64_t bytes) {
  std::unique_ptr<Buffer> buffer = device_.allocate(bytes);
  stream_.clear(buffer->data(), bytes);
  return buffer;
}

void CudaBackend::write(uint8_t* to, const void* from, uint64_t bytes) {
  if (bytes == 0) return;
  device_.use();
  stream_.copyIn(to, from, bytes);
  stream_.wait();
}

void CudaBackend::read(void* to, const uint8_t* from, uint64_t bytes) {
  if (bytes == 0) return;
  device_.use();
  stream_.copyOut(to, from, bytes);
  stream_.wait();
}

void CudaBackend::clear(uint8_t* at, uint64_t bytes) {
  device_.use();
  stream_.clear(at, bytes);
}

std::vector<std::unique_ptr<Kernel>> CudaBackend::bind(const std::vector<Instruction>& instructions,
                                                       const Memory& memory) {
  // A loop binds its body while its plan is bound.
  const bool isPlan = !std::exchange(binding_, true);
  struct End {
    bool& binding;
    const bool ends;
    ~End() {
      if (ends) binding = false;
    }
  } const end{binding_, isPlan};
  return bindInstructions(instructions, memory, *this, isPlan);
}

std::shared_ptr<Buffer> CudaBackend::scratch(size_t i, uint64_t bytes) {
  if (scratch_.size() <= i) scratch_.resize(i + 1);
  if (!scratch_[i] || scratch_[i]->size() < bytes) scratch_[i] = device_.allocate(std::max<uint64_t>(bytes, 1 << 16));
  return scratch_[i];
}

// A buffer of an earlier run, when there is one of about the size.
std::unique_ptr<Buffer> CudaBackend::take(uint64_t bytes) {
  auto best = spare_.end();
  for (auto it = spare_.begin(); it != spare_.end(); ++it) {
    const uint64_t size = (*it)->size();
    if (size >= bytes && size / 2 <= bytes + 4096 && (best == spare_.end() || size < (*best)->size())) best = it;
  }
  if (best == spare_.end()) return device_.allocate(bytes);
  std::unique_ptr<Buffer> found = std::move(*best);
  spare_.erase(best);
  return found;
}

void CudaBackend::giveBack(std::unique_ptr<Buffer> buffer) {
  if (!buffer) return;
  spare_.push_back(std::move(buffer));
  if (spare_.size() > kSpareBuffers) spare_.erase(spare_.begin());
}

CudaBackend::Run& CudaBackend::runOf(RunContext& context) { return static_cast<Run&>(*context.run); }

void CudaBackend::begin(RunContext& context, const std::vector<View>& feeds, const std::vector<View>& fetches) {
  device_.use();
  context.run = std::make_unique<Run>(*this, context);
  Run& run = runOf(context);
  for (size_t i = 0; i < feeds.size(); ++i) {
    const FeedSource& source = context.feeds[i];
    std::shared_ptr<Buffer> copy;
    if (source.storage != nullptr) {
      copy = source.storage->copyOn(&device_, [&](std::shared_ptr<Buffer> old) -> std::shared_ptr<Buffer> {
        try {
          if (!old) old = device_.allocate(source.storage->size());
          stream_.copyIn(old->data(), source.storage->data(), source.storage->size());
          stream_.wait();
          return old;
        } catch (const OutOfMemory&) {
          return nullptr;  // row by row then
        }
      });
    }
    const auto type = static_cast<uint32_t>(source.type);
    for (auto& slots : run.feeds) slots.push_back({copy ? copy->data() : nullptr, nullptr, type, copy ? 0u : 1u});
    if (copy) {
      run.copies.push_back(std::move(copy));
    } else {
      run.staged.push_back({i, 0, {}, {}});
    }
  }
  for (size_t i = 0; i < fetches.size(); ++i) {
    const FetchTarget& target = context.fetches[i];
    const uint64_t rowBytes = elementsPerRow(fetches[i]) * sizeOf(fetches[i].dtype);
    run.buffers.push_back(take(target.rows * rowBytes));
    run.fetches.push_back({run.buffers.back()->data(), nullptr, 0, 0});
    run.fetched.push_back({run.buffers.back()->data(), rowBytes});
  }
}

void CudaBackend::reorder(RunContext& context, uint64_t rows) {
  device_.use();
  Run& run = runOf(context);
  const uint64_t bytes = rows * sizeof(uint32_t);
  if (!run.order || run.order->size() < bytes) run.order = device_.allocate(bytes);
  stream_.copyIn(run.order->data(), context.order, bytes);
  stream_.wait();
  for (auto& slots : run.feeds) {
    for (Slot& slot : slots) {
      if (slot.staged == 0) slot.order = reinterpret_cast<const uint32_t*>(run.order->data());
    }
  }
  run.changed = true;
}

// Copies the rows of the next step of all staged slots, while the steps before it run.
void CudaBackend::Run::stage(const std::vector<View>& slots) {
  const uint64_t first = context.firstRow;
  Stream& steps = backend.stream_;
  bool copies = false;
  for (Staged& part : staged) {
    const View& slot = slots[part.slot];
    const FeedSource& source = context.feeds[part.slot];
    const uint64_t count = rowsOf(slot), rowBytes = elementsPerRow(slot) * sizeOf(source.type);
    if (!part.buffers[0] || part.rows < count) {
      steps.wait();
      if (copied[0]) backend.copies_->wait();
      for (size_t i = 0; i < 2; ++i) {
        backend.giveBack(std::move(part.buffers[i]));
        part.buffers[i] = backend.take(count * rowBytes);
        part.pinned[i] = nullptr;
        feeds[i][part.slot].data = part.buffers[i]->data();
      }
      part.rows = count;
      changed = true;
    }
    uint8_t* const to = part.buffers[parity]->data();
    if (source.storage == nullptr) {
      steps.copyIn(to, source.data, count * rowBytes);
      continue;
    }
    if (!copied[0]) {
      if (!backend.copies_) backend.copies_ = std::make_unique<Stream>(backend.device_);
      for (auto* events : {copied, used}) {
        for (size_t i = 0; i < 2; ++i) events[i] = std::make_unique<Event>(backend.device_);
      }
    }
    if (!copies) {
      copies = true;
      copied[parity]->wait();  // the page-locked memory is free
      backend.copies_->waitFor(*used[parity]);
    }
    std::unique_ptr<PinnedMemory>& pinned = part.pinned[parity];
    // A last batch may be shorter than those that come after it.
    if (!pinned) pinned = std::make_unique<PinnedMemory>(backend.device_, part.rows * rowBytes);
    const uint8_t* const rows = static_cast<const uint8_t*>(source.data);
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t row = context.order != nullptr ? context.order[first + i] : first + i;
      std::memcpy(pinned->data() + i * rowBytes, rows + row * rowBytes, rowBytes);
    }
    backend.copies_->copyIn(to, pinned->data(), count * rowBytes);
  }
  if (copies) {
    backend.copies_->record(*copied[parity]);
    steps.waitFor(*copied[parity]);
  }
}

// Sees to it that the step state on the device is that of the run's next step.
void CudaBackend::activate(Run& run, RunContext& context) {
  const bool moved = run.nextRow != context.firstRow || run.rows != context.rows || run.nextStep != context.step;
  run.nextRow = context.firstRow;
  run.rows = context.rows;
  run.nextStep = context.step;
  if (active_ == &run && !moved && !run.changed) return;
  if (active_ != nullptr) report(active_->context);
  if (run.changed) {
    for (auto& table : run.tables) giveBack(std::move(table));
    run.tables.clear();
    for (const std::vector<Slot>* slots : {&run.feeds[0], &run.feeds[1], &run.fetches}) {
      run.tables.push_back(take(slots->size() * sizeof(Slot)));
      stream_.copyIn(run.tables.back()->data(), slots->data(), slots->size() * sizeof(Slot));
    }
    run.changed = false;
  }
  StepState state{};
  state.firstRow = context.firstRow;
  state.rows = context.rows;
  state.step = context.step;
  state.feeds = reinterpret_cast<const Slot*>(run.tables[run.parity]->data());
  state.nextFeeds = reinterpret_cast<const Slot*>(run.tables[1 - run.parity]->data());
  state.fetches = reinterpret_cast<const Slot*>(run.tables[2]->data());
  state.attention = reinterpret_cast<uint32_t*>(attention_.onDevice());
  *reinterpret_cast<volatile uint32_t*>(attention_.data()) = 0;
  state.watched = reinterpret_cast<const float*>(context.watched);
  state.errorStep = context.errorStep;
  state.nonFiniteStep = context.nonFiniteStep;
  state.error = context.error.load(std::memory_order_relaxed);
  // Host memory of a copy has to stay as it is until the copy is done: whoever was active before has been waited for.
  std::memcpy(sent_.data(), &state, sizeof state);
  stream_.copyIn(step_->data(), sent_.data(), sizeof state);
  active_ = &run;
}

void CudaBackend::report(RunContext& context) {
  StepState state;
  stream_.check();
  stream_.copyOut(&state, step_->data(), sizeof state);
  stream_.wait();
  context.error.store(state.error, std::memory_order_relaxed);
  context.errorStep = state.errorStep;
  context.nonFiniteStep = state.nonFiniteStep;
}

void CudaBackend::handOver(Executor& plan, RunContext& context, uint64_t steps) {
  const auto launch = [&](uint64_t count) {
    for (uint64_t i = 0; i < count && !context.isAbandoned(); ++i) {
      plan.run(context);
      if (!stream_.takeAdvanced()) stream_.launch(advance_);
    }
  };
  if (context.profile != nullptr || stream_.waitsAfterLaunches()) return launch(steps);
  if (!plan.kept) plan.kept = std::make_unique<PlanGraphs>();
  auto& graphs = static_cast<PlanGraphs&>(*plan.kept);
  if (!graphs.seen) {
    graphs.seen = true;
    graphs.launches = stream_.count([&] { launch(1); });
    // A power of two, so that the steps handed over at once are a number of whole graphs.
    const uint64_t fit = kLaunchesTogether / std::max<size_t>(graphs.launches, 1);
    graphs.together = std::bit_floor(std::clamp<uint64_t>(fit, 1, kStepsAhead));
    graphs.usable = graphs.launches <= kMostLaunches;
    if (steps == 1) return launch(1);  // perhaps it never runs again
  }
  while (steps > 0 && !context.isAbandoned()) {
    const bool many = graphs.together > 1 && steps >= graphs.together;
    const uint64_t count = many ? graphs.together : 1;
    std::unique_ptr<Graph>& graph = many ? graphs.several : graphs.one;
    if (!graph && graphs.usable) {
      graph = stream_.capture([&] { launch(count); });
      graphs.usable = graph != nullptr && !context.isAbandoned();
    }
    if (context.isAbandoned()) return;
    if (graph) {
      stream_.launch(*graph);
    } else {
      launch(count);
    }
    steps -= count;
  }
}

uint64_t CudaBackend::run(Executor& plan, RunContext& context, uint64_t most) {
  device_.use();
  Run& run = runOf(context);
  const uint64_t steps =
      context.stopsAtNonFinite || context.profile != nullptr || !run.staged.empty() ? 1 : std::min(most, kStepsAhead);
  if (!run.staged.empty()) run.stage(plan.feeds());
  activate(run, context);
  if (context.firstRow < run.made[run.lap].last) run.lap = 1;
  handOver(plan, context, steps);
  if (!run.staged.empty()) {
    if (run.used[run.parity]) stream_.record(*run.used[run.parity]);
    run.parity = 1 - run.parity;
  }
  run.nextRow += steps * context.rows;
  run.nextStep += steps;
  Run::Rows& made = run.made[run.lap];
  made = {std::min(made.first, context.firstRow), std::max(made.last, run.nextRow)};
  run.ahead += steps;
  stream_.check();
  if (context.stopsAtNonFinite) {
    report(context);
  } else if (run.ahead >= kStepsAhead) {
    run.ahead = 0;
    std::unique_ptr<Event>& mark = run.marks[run.turn];
    run.turn = 1 - run.turn;
    if (!mark) mark = std::make_unique<Event>(device_);
    stream_.record(*mark);
    if (run.marks[run.turn]) run.marks[run.turn]->wait();
  }
  if (*reinterpret_cast<volatile uint32_t*>(attention_.data()) != 0) report(context);
  return steps;
}

void CudaBackend::end(RunContext& context) {
  device_.use();
  Run& run = runOf(context);
  if (active_ == &run) report(context);
  for (size_t i = 0; i < run.fetched.size(); ++i) {
    const auto [on, rowBytes] = run.fetched[i];
    const FetchTarget& target = context.fetches[i];
    const auto copyOut = [&](uint64_t first, uint64_t last) {
      if (first >= last) return;
      stream_.copyOut(static_cast<uint8_t*>(target.data) + first * rowBytes, on + first * rowBytes,
                      (last - first) * rowBytes);
    };
    if (target.whole) {
      copyOut(0, target.rows);
      continue;
    }
    for (const auto& [first, last] : run.made) copyOut(first, last);
  }
  stream_.wait();
  context.run.reset();
}

void CudaBackend::settle() { stream_.wait(); }

std::unique_ptr<Backend> open(const std::string& name) {
  const std::string digits = name.substr(name.find(':') + 1);
  const bool valid =
      !digits.empty() && digits.size() < 4 &&
      std::all_of(
          digits.begin(), digits.end(), [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; });
  if (!valid) {
    throw DeviceError(DeviceError::Kind::kMissing,
                      "device: expected 'cpu' or 'cuda:0', 'cuda:1', ..., got '" + name + "'");
  }
  return std::make_unique<CudaBackend>(Device::get(std::stoi(digits)));
}

}  // namespace steepest::cuda
