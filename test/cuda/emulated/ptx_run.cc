// Takes the threads of a block through a kernel: those that are furthest behind go first, so that the ones that took different
// branches meet again.
#include <algorithm>
#include <cstring>

#include "ptx_text.h"
#include "races.h"

namespace steepest::emulated::ptx {
namespace {

constexpr unsigned kLanes = 32;
constexpr uint64_t kMostSteps = 100000000;  // of a block: more is a loop without an end
constexpr uint32_t kNowhere = 0xffffffffu;

class BlockRun {
 public:
  BlockRun(const Kernel& kernel, unsigned member, uint64_t launch, const Dimensions& grid, unsigned threads,
           unsigned sharedBytes, const void* parameters, const FindBlock& findBlock)
      : kernel_(kernel),
        member_(member),
        order_(launch),
        grid_(grid),
        threads_(threads),
        parameters_(static_cast<const unsigned char*>(parameters)),
        findBlock_(findBlock),
        registers_(size_t{kernel.registers} * threads),
        shared_(kernel.launchesShare ? sharedBytes : kernel.sharedBytes),
        at_(threads),
        waiting_(threads),
        group_(threads) {}

  void begin(unsigned block) {
    block_ = block;
    std::fill(shared_.begin(), shared_.end(), static_cast<unsigned char>(0xcd));
    std::fill(at_.begin(), at_.end(), 0u);
    std::fill(waiting_.begin(), waiting_.end(), false);
    meets_ = looks_ = false;
    steps_ = 0;
  }
  // It waits for the other blocks of its cluster, or has looked at what those of its grid write; otherwise it is done.
  bool meets() const { return meets_; }
  bool looks() const { return looks_; }
  // Additions that others may wait for.
  uint64_t additions() const { return additions_; }

  // Until it is done, or meets others, or looks for them.
  std::string run() {
    meets_ = looks_ = false;
    while (regroup()) {
      // Until somebody else is as far behind as the group.
      while (pc_ < others_) {
        if (++steps_ > kMostSteps) return wrong("the kernel does not end");
        const Instruction& in = kernel_.instructions[pc_];
        if (!execute(in)) return race_.empty() ? wrong(what_) : race_;
        if (scattered_) break;
      }
      if (looks_) return "";
      if (!scattered_) {
        for (size_t k = 0; k < n_; ++k) at_[group_[k]] = pc_;
      }
    }
    return meets_ || std::all_of(at_.begin(), at_.end(), [](uint32_t at) { return at == kNowhere; })
               ? ""
               : wrong("a barrier that not all threads of the block reach");
  }

 private:
  std::string wrong(const std::string& what) const {
    return kernel_.name + ", line " + std::to_string(kernel_.instructions[pc_].line) + ": " + what;
  }

  // The threads furthest behind as the group. When all wait at a barrier they go on. False when none can.
  bool regroup() {
    scattered_ = false;
    pc_ = others_ = kNowhere;
    const auto waiting = static_cast<size_t>(std::count(waiting_.begin(), waiting_.end(), true));
    const auto [begin, end] = chosen();
    for (unsigned t = begin; t < end; ++t) {
      if (!waiting_[t]) pc_ = std::min(pc_, at_[t]);
    }
    if (pc_ == kNowhere && waiting == threads_) {
      std::fill(waiting_.begin(), waiting_.end(), false);
      if (std::any_of(at_.begin(), at_.end(), [&](uint32_t at) { return at != at_[0]; })) return lost();
      pc_ = at_[0];
      meets_ = kernel_.instructions[pc_ - 1].kind == Kind::kCluster;
      if (meets_) return false;
      races::meetBlock(member_);
      return regroup();
    }
    if (pc_ == kNowhere) return waiting == 0 ? false : lost();
    n_ = 0;
    for (unsigned t = begin; t < end; ++t) {
      if (waiting_[t]) continue;
      if (at_[t] == pc_) {
        group_[n_++] = static_cast<uint16_t>(t);
      } else {
        others_ = std::min(others_, at_[t]);
      }
    }
    return true;
  }
  // All threads go side by side, or one warp after the other in an order that is not that of their numbers.
  std::pair<unsigned, unsigned> chosen() {
    if (order_.isFirst()) return {0, threads_};
    for (const unsigned warp : order_.of((threads_ + kLanes - 1) / kLanes)) {
      const unsigned begin = warp * kLanes, end = std::min(threads_, begin + kLanes);
      for (unsigned t = begin; t < end; ++t) {
        if (!waiting_[t] && at_[t] != kNowhere) return {begin, end};
      }
    }
    return {0, threads_};
  }
  bool lost() {
    pc_ = last_;
    return false;
  }

  uint64_t* valuesOf(uint32_t number) { return registers_.data() + size_t{number} * threads_; }
  Lane lane(const Source& source) {
    return source.known ? Lane{&source.bits, 0} : Lane{valuesOf(source.number), 1};
  }

  bool execute(const Instruction& in) {
    last_ = pc_;
    switch (in.kind) {
      case Kind::kPlain:
        in.run(valuesOf(in.to), lane(in.from[0]), lane(in.from[1]), lane(in.from[2]), {group_.data(), n_});
        break;
      case Kind::kSpecial:
        for (size_t k = 0; k < n_; ++k) {
          const uint64_t values[] = {group_[k], block_, grid_.x, threads_};
          valuesOf(in.to)[group_[k]] = values[in.offset];
        }
        break;
      case Kind::kPack:
        for (size_t k = 0; k < n_; ++k) {
          const size_t t = group_[k];
          const Lane low = lane(in.from[0]), high = lane(in.from[1]);
          valuesOf(in.to)[t] = (low.values[t * low.step] & 0xffffffffu) | high.values[t * high.step] << 32;
        }
        break;
      case Kind::kUnpack:
        for (size_t k = 0; k < n_; ++k) {
          const size_t t = group_[k];
          const uint64_t both = valuesOf(in.from[0].number)[t];
          valuesOf(in.elements[0])[t] = both & 0xffffffffu;
          valuesOf(in.elements[1])[t] = both >> 32;
        }
        break;
      case Kind::kLoad:
      case Kind::kStore:
        if (!access(in)) return false;
        break;
      case Kind::kShuffle:
        if (!shuffle(in)) return false;
        break;
      case Kind::kAdd:
      case Kind::kExchange:
        if (!atomic(in)) return false;
        break;
      case Kind::kAcquire:
        if (!access(in)) return false;
        for (size_t k = 0; k < n_; ++k) at_[group_[k]] = pc_ + 1;
        scattered_ = looks_ = true;
        return true;
      case Kind::kBranch:
        branch(in);
        return true;
      case Kind::kBarrier:
      case Kind::kCluster:
        for (size_t k = 0; k < n_; ++k) {
          waiting_[group_[k]] = true;
          at_[group_[k]] = pc_ + 1;
        }
        scattered_ = true;
        return true;
      case Kind::kReturn:
        for (size_t k = 0; k < n_; ++k) at_[group_[k]] = kNowhere;
        scattered_ = true;
        return true;
    }
    ++pc_;
    return true;
  }

  void branch(const Instruction& in) {
    if (!in.conditional) {
      pc_ = in.target;
      return;
    }
    const uint64_t* const predicate = valuesOf(in.from[0].number);
    size_t taken = 0;
    for (size_t k = 0; k < n_; ++k) taken += (predicate[group_[k]] != 0) != in.negated;
    if (taken == 0 || taken == n_) {
      pc_ = taken == 0 ? pc_ + 1 : in.target;
      return;
    }
    for (size_t k = 0; k < n_; ++k) {
      at_[group_[k]] = (predicate[group_[k]] != 0) != in.negated ? in.target : pc_ + 1;
    }
    scattered_ = true;
  }

  bool shuffle(const Instruction& in) {
    const Lane from = lane(in.from[0]);
    const auto by = static_cast<unsigned>(in.from[1].bits);
    if (n_ % kLanes != 0) return fail("a shuffle that some lanes of a warp do not reach");
    for (size_t k = 0; k < n_; ++k) {
      if (group_[k] != group_[k - k % kLanes] + k % kLanes || group_[k - k % kLanes] % kLanes != 0) {
        return fail("a shuffle that some lanes of a warp do not reach");
      }
    }
    before_.resize(n_);
    for (size_t k = 0; k < n_; ++k) before_[k] = from.values[group_[k] * from.step];
    for (size_t k = 0; k < n_; ++k) valuesOf(in.to)[group_[k]] = before_[k ^ by];
    return true;
  }

  bool fail(const std::string& what) {
    what_ = what;
    return false;
  }

  // Where `bytes` of global memory are, or null.
  unsigned char* global(uint64_t address, size_t bytes) {
    if (address < begin_ || address > end_ || end_ - address < bytes) {
      std::tie(begin_, end_) = findBlock_(address);
      if (begin_ == 0 || end_ - address < bytes) return nullptr;
    }
    return reinterpret_cast<unsigned char*>(address);
  }

  // An addition that flips the top bit is the last arrival at a barrier of the grid (native/cuda/emit/block.cc): all that blocks did
  // before is known to those that see it.
  bool atomic(const Instruction& in) {
    const Lane first = lane(in.from[1]), second = lane(in.from[2]);
    for (size_t k = 0; k < n_; ++k) {
      const size_t t = group_[order_.isFirst() ? k : n_ - 1 - k];
      unsigned char* const at = global(valuesOf(in.from[0].number)[t], sizeof(uint32_t));
      if (at == nullptr) return fail("an address that is not inside device memory");
      if (!mayAccess(t, at, sizeof(uint32_t), races::Kind::kAtomic, races::Space::kGlobal, in)) return false;
      uint32_t before;
      std::memcpy(&before, at, sizeof before);
      const auto operand = static_cast<uint32_t>(first.values[t * first.step]);
      uint32_t after = before + operand;
      if (in.kind == Kind::kExchange) {
        after = before == operand ? static_cast<uint32_t>(second.values[t * second.step]) : before;
      } else {
        ++additions_;
        if ((before ^ after) >> 31 != 0) races::meetGroup();
      }
      std::memcpy(at, &after, sizeof after);
      valuesOf(in.to)[t] = before;
    }
    return true;
  }

  bool mayAccess(size_t thread, const void* at, size_t bytes, races::Kind kind, races::Space space, const Instruction& in) {
    if (!races::kEnabled) return true;
    races::goOn(races::threadOf(member_, static_cast<unsigned>(thread)), nullptr, 0);
    race_ = races::access(at, bytes, kind, space, static_cast<uintptr_t>(in.line));
    return race_.empty();
  }

  bool access(const Instruction& in) {
    const size_t bytes = size_t{in.bytes} * in.count;
    for (size_t k = 0; k < n_; ++k) {
      const size_t t = group_[order_.isFirst() ? k : n_ - 1 - k];
      const uint64_t base = in.from[0].known ? 0 : valuesOf(in.from[0].number)[t];
      const uint64_t address = base + static_cast<uint64_t>(in.offset);
      if (address % bytes != 0) return fail("an address that is not a multiple of " + std::to_string(bytes));
      unsigned char* at = nullptr;
      if (in.space == Space::kGlobal) {
        at = global(address, bytes);
        if (at == nullptr) return fail("an address that is not inside device memory");
      } else {
        const size_t room = in.space == Space::kShared ? shared_.size() : kernel_.parameterBytes;
        if (address > room || room - address < bytes) return fail("an address beyond the shared memory or parameters");
        at = (in.space == Space::kShared ? shared_.data() : const_cast<unsigned char*>(parameters_)) + address;
      }
      const races::Kind kind = in.kind == Kind::kStore     ? races::Kind::kWrite
                               : in.kind == Kind::kAcquire ? races::Kind::kAtomic
                                                           : races::Kind::kRead;
      const races::Space space = in.space == Space::kShared ? races::Space::kShared : races::Space::kGlobal;
      if (in.space != Space::kParameters && !mayAccess(t, at, bytes, kind, space, in)) return false;
      for (int e = 0; e < in.count; ++e, at += in.bytes) {
        uint64_t& value = valuesOf(in.elements[e])[t];
        if (in.kind == Kind::kStore) {
          std::memcpy(at, &value, in.bytes);
        } else if (in.isSigned) {
          value = static_cast<uint32_t>(static_cast<int32_t>(static_cast<signed char>(*at)));
        } else {
          value = 0;
          std::memcpy(&value, at, in.bytes);
        }
      }
    }
    return true;
  }

  const Kernel& kernel_;
  const unsigned member_;  // of its cluster
  Order order_;            // of warps
  const Dimensions grid_;
  const unsigned threads_;
  const unsigned char* const parameters_;
  const FindBlock& findBlock_;
  std::vector<uint64_t> registers_, before_;
  std::vector<unsigned char> shared_;
  std::vector<uint32_t> at_;     // where threads that are not in the group go on
  std::vector<bool> waiting_;    // at a barrier
  std::vector<uint16_t> group_;  // threads at pc_, the first n_
  size_t n_ = 0;
  uint32_t pc_ = 0, last_ = 0;
  uint32_t others_ = kNowhere;  // where the others furthest behind are
  bool scattered_ = false;      // the group is none any more
  unsigned block_ = 0;
  bool meets_ = false, looks_ = false;
  uint64_t steps_ = 0, additions_ = 0;
  uint64_t begin_ = 0, end_ = 0;  // of the block of memory accessed last
  std::string what_, race_;
};

}  // namespace

std::string run(const Kernel& kernel, const Dimensions& grid, const Dimensions& size, unsigned sharedBytes,
                const void* parameters, const FindBlock& findBlock, bool cooperative) {
  if (grid.y != 1 || grid.z != 1 || size.y != 1 || size.z != 1 || size.x > kernel.mostThreads) return kernel.name + ": a block of another size";
  // That can wait for each other.
  const unsigned members = cooperative ? grid.x : kernel.members;
  if (cooperative && kernel.members > 1) return kernel.name + ": clusters of blocks that all run at once";
  if (grid.x % members != 0) return kernel.name + ": a grid that is not of whole clusters";
  static uint64_t launches = 0;
  ++launches;
  std::vector<BlockRun> cluster;
  cluster.reserve(members);
  for (unsigned m = 0; m < members; ++m) cluster.emplace_back(kernel, m, launches, grid, size.x, sharedBytes, parameters, findBlock);
  // In both orders in turns, so that what is read too early or written too early is noticed; the next launch in the other one.
  const bool firstUpwards = launches % 2 != 0;
  const auto runCluster = [&](unsigned first) -> std::string {
    for (unsigned m = 0; m < members; ++m) cluster[m].begin(first + m);
    for (bool upwards = firstUpwards, done = false; !done; upwards = !upwards) {
      unsigned meeting = 0;
      for (unsigned i = 0; i < members; ++i) {
        BlockRun& block = cluster[upwards ? i : members - 1 - i];
        std::string wrong = block.run();
        if (!wrong.empty()) return wrong;
        meeting += block.meets();
      }
      for (const BlockRun& block : cluster) {
        if (block.looks()) return kernel.name + ": a block that waits for others, which need not run at once";
      }
      if (meeting != 0 && meeting != members) return kernel.name + ": blocks of a cluster that end while others wait for them";
      if (meeting != 0) races::meetGroup();
      done = meeting == 0;
    }
    return "";
  };
  const auto runGrid = [&]() -> std::string {
    for (unsigned m = 0; m < members; ++m) cluster[m].begin(m);
    std::vector<bool> done(members);
    for (bool upwards = firstUpwards;; upwards = !upwards) {
      bool waits = false, moves = false;
      for (unsigned i = 0; i < members; ++i) {
        const unsigned m = upwards ? i : members - 1 - i;
        if (done[m]) continue;
        const uint64_t before = cluster[m].additions();
        std::string wrong = cluster[m].run();
        if (!wrong.empty()) return wrong;
        done[m] = !cluster[m].looks();
        waits = waits || !done[m];
        moves = moves || done[m] || cluster[m].additions() > before;
      }
      if (!waits) return "";
      if (!moves) return kernel.name + ": blocks that wait for what does not come";
    }
  };
  races::beginLaunch(kernel.name);
  std::string wrong;
  Order order(launches);
  for (const unsigned number : order.of(grid.x / members)) {
    races::beginGroup(number, members, size.x);
    wrong = cooperative ? runGrid() : runCluster(number * members);
    if (!wrong.empty()) break;
  }
  races::endLaunch();
  return wrong;
}

}  // namespace steepest::emulated::ptx
