#include "races.h"

#ifdef STEEPEST_RACES

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <vector>

#include "launch.h"

namespace steepest::emulated::races {
namespace {

using Time = uint32_t;
constexpr unsigned kLanes = 32;
constexpr uint32_t kNone = 0xffffffffu;
constexpr uintptr_t kMostLines = 1 << 20;

// ---- what threads know

// Times by thread; shared by all that know the same.
using Times = std::shared_ptr<const std::vector<Time>>;

struct Clock {
  Time segment = 0;  // since when the thread has not waited
  Time group = 0;    // all that was done before is known,
  Time block = 0;    // and of the own block,
  std::array<Time, kLanes> lanes = {};  // of lanes of the own warp,
  Time products = 0;                    // and of its products;
  Times others;                         // and of anybody, copies and products too, who arrived at an mbarrier
};

// What arrivals at an mbarrier tell: in this phase, and in the one before, which is over.
struct Phase {
  struct Known {
    Time group = 0;
    std::vector<Time> blocks;  // what those who arrived knew of their own block, for threads of the same one
    Times times;
  };
  unsigned copies = 0;  // the number of what copies do that arrive here, behind all threads and products of warps
  Known now, over;
};

struct {
  bool active = false;
  std::string kernel;
  uint32_t launch = 0, shared = 0;  // serial numbers for what is kept of memory
  unsigned group = 0, blockThreads = 0, threads = 0;
  Time now = 0;
  std::vector<Clock> clocks;
  std::vector<std::vector<Time>> fences;  // of each thread: what it does from there on is behind them
  std::unordered_map<const void*, Phase> phases;
  unsigned me = 0;
  uintptr_t stack = 0;
  size_t stackBytes = 0;
} state;

unsigned blockOf(unsigned thread) { return thread / state.blockThreads; }

// What both know. Many threads ask for the same.
Times joined(const Times& a, const Times& b) {
  if (a == b || b == nullptr) return a;
  if (a == nullptr) return b;
  static Times lastA, lastB, last;
  if (a == lastA && b == lastB) return last;
  auto both = std::make_shared<std::vector<Time>>(*a);
  if (both->size() < b->size()) both->resize(b->size());
  for (size_t i = 0; i < b->size(); ++i) (*both)[i] = std::max((*both)[i], (*b)[i]);
  lastA = a;
  lastB = b;
  last = both;
  return last;
}

bool knows(const Clock& mine, unsigned me, unsigned other, Time segment) {
  if (mine.others != nullptr && other < mine.others->size() && segment < (*mine.others)[other]) return true;
  if (other == state.threads + me / kLanes) return segment < mine.products;
  if (other >= state.threads) return false;
  if (segment < mine.group) return true;
  if (blockOf(me) != blockOf(other)) return false;
  return segment < mine.block || (me / kLanes == other / kLanes && segment < mine.lanes[other % kLanes]);
}

// ---- what is kept of memory

// Lanes of a warp that have read a word at the same time.
struct Reads {
  unsigned warp;
  unsigned lanes;
  Time segment;
  uint32_t next;
  uintptr_t code;
};

struct ReadLists {
  std::vector<Reads> all = std::vector<Reads>(1);
  uint32_t free = 0;

  void clear() {
    all.resize(1);
    free = 0;
  }
  uint32_t take(const Reads& reads) {
    if (free == 0) {
      all.push_back(reads);
      return static_cast<uint32_t>(all.size() - 1);
    }
    const uint32_t at = free;
    free = all[at].next;
    all[at] = reads;
    return at;
  }
  void giveBack(uint32_t first) {
    for (uint32_t next; first != 0; first = next) {
      next = all[first].next;
      all[first].next = free;
      free = first;
    }
  }
};

struct Cell {
  uint32_t serial = 0;
  bool split = false, atomic = false;
  uint32_t writer = kNone, writerGroup = 0;
  Time written = 0;
  uintptr_t code = 0;  // that has written
  uint32_t reads = 0, readGroup = kNone, earlierGroup = kNone;  // groups that have read, see record
};

constexpr unsigned kPageBits = 12;
struct Page {
  Cell words[1 << (kPageBits - 2)];
  std::unique_ptr<Cell[]> bytes;
};
std::unordered_map<uintptr_t, std::unique_ptr<Page>> pages;
constexpr size_t kMostPages = 8192;
ReadLists readLists[2];

Page& pageOf(uintptr_t address) {
  static struct {
    uintptr_t number = 0;
    Page* page = nullptr;
  } near[64];
  if (pages.empty()) std::fill(near, near + 64, std::remove_reference_t<decltype(near[0])>{});
  const uintptr_t number = address >> kPageBits;
  auto& cached = near[number % 64];
  if (cached.page == nullptr || cached.number != number) {
    auto& page = pages[number];
    if (page == nullptr) page = std::make_unique<Page>();
    cached = {number, page.get()};
  }
  return *cached.page;
}

// ---- races

struct Access {
  uintptr_t address;
  size_t bytes;
  Kind kind;
  Space space;
  unsigned as;  // who does it; what is known is what `state.me` knows
  Time segment;
  uintptr_t code;
  bool fenced = false;  // only what has been fenced is seen
};

std::string who(unsigned group, unsigned thread) {
  if (thread >= state.threads + state.threads / kLanes) return "a copy by TMA";
  if (thread >= state.threads) return "a product of warp " + std::to_string(thread - state.threads);
  const unsigned members = state.threads / state.blockThreads;
  return "thread " + std::to_string(thread % state.blockThreads) + " of block " +
         std::to_string(group * members + thread / state.blockThreads);
}

// A line of PTX; or the source's file and line, where there is debug information and addr2line.
std::string placeOf(uintptr_t code) {
  if (code != 0 && code < kMostLines) return " at line " + std::to_string(code);
  Dl_info info;
  if (code == 0 || dladdr(reinterpret_cast<void*>(code), &info) == 0) return "";
  const auto begin = reinterpret_cast<uintptr_t>(info.dli_fbase);
  // A program that is not position independent is where it says.
  const auto* const header = static_cast<const ElfW(Ehdr)*>(info.dli_fbase);
  char offset[32];
  std::snprintf(offset, sizeof offset, "0x%zx", static_cast<size_t>(code - 1 - (header->e_type == ET_DYN ? begin : 0)));
  std::string place = std::string(" at ") + offset;
  const std::string command = std::string("addr2line -e '") + info.dli_fname + "' " + offset + " 2>/dev/null";
  if (FILE* const pipe = popen(command.c_str(), "r")) {
    char line[512];
    if (std::fgets(line, sizeof line, pipe) != nullptr && line[0] != '?') {
      std::string found = line;
      found.erase(found.find_last_not_of("\n") + 1);
      place = " at " + found.substr(found.rfind('/') + 1);
    }
    pclose(pipe);
  }
  return place;
}

const char* nameOf(Kind kind) {
  return kind == Kind::kRead ? "reads" : kind == Kind::kWrite ? "writes" : "atomically changes";
}

std::string race(const Access& access, const char* otherDid, unsigned otherGroup, unsigned other, uintptr_t otherCode) {
  const char* const memory = access.space == Space::kShared ? "shared" : "global";
  return state.kernel + ": a race: " + who(state.group, access.as) + " " + nameOf(access.kind) + " " + memory +
         " memory" + placeOf(access.code) + " that " +
         (other == kNone ? "block " + std::to_string(otherGroup) : who(otherGroup, other)) + " " + otherDid +
         placeOf(otherCode) + ", and nothing is between";
}

// Whether the thread that runs knows of a fence of a thread behind what it did in a segment.
bool knowsFence(unsigned thread, Time segment) {
  const std::vector<Time>& all = state.fences[thread];
  const auto first = std::upper_bound(all.begin(), all.end(), segment);
  return first != all.end() && (thread == state.me || knows(state.clocks[state.me], state.me, thread, *first));
}

std::string checkCell(Cell& cell, const Access& access) {
  const bool shared = access.space == Space::kShared;
  const uint32_t serial = shared ? state.shared : state.launch;
  ReadLists& lists = readLists[shared];
  if (cell.serial != serial) {
    cell = {};
    cell.serial = serial;
  }
  const unsigned me = state.me;
  const Clock& mine = state.clocks[me];
  const auto known = [&](unsigned other, Time segment) { return other == me || knows(mine, me, other, segment); };
  if (cell.writer != kNone && !(cell.atomic && access.kind == Kind::kAtomic) &&
      (cell.writerGroup != state.group || !known(cell.writer, cell.written))) {
    return race(access, cell.atomic ? "has changed atomically" : "has written", cell.writerGroup, cell.writer, cell.code);
  }
  if (access.fenced && cell.writer < state.threads && !knowsFence(cell.writer, cell.written)) {
    return race(access, "has written without a fence after that", cell.writerGroup, cell.writer, cell.code);
  }
  const unsigned warp = access.as / kLanes, lane = 1u << access.as % kLanes;
  if (access.kind == Kind::kRead) {
    if (cell.readGroup != state.group) {
      if (cell.readGroup != kNone) cell.earlierGroup = cell.readGroup;
      lists.giveBack(cell.reads);
      cell.reads = 0;
      cell.readGroup = state.group;
    }
    for (uint32_t at = cell.reads; at != 0; at = lists.all[at].next) {
      Reads& reads = lists.all[at];
      if (reads.warp != warp) continue;
      if (reads.segment == access.segment) {
        reads.lanes |= lane;
        return "";
      }
      // What comes before this one need not be kept.
      for (unsigned l = 0; l < kLanes; ++l) {
        if (reads.lanes >> l & 1 && known(warp * kLanes + l, reads.segment)) reads.lanes &= ~(1u << l);
      }
      if (reads.lanes == 0) {
        reads = {warp, lane, access.segment, reads.next, access.code};
        return "";
      }
    }
    cell.reads = lists.take({warp, lane, access.segment, cell.reads, access.code});
    return "";
  }
  if (cell.earlierGroup != kNone) return race(access, "has read", cell.earlierGroup, kNone, 0);
  if (cell.readGroup != kNone && cell.readGroup != state.group) {
    return race(access, "has read", cell.readGroup, kNone, 0);
  }
  for (uint32_t at = cell.reads; at != 0; at = lists.all[at].next) {
    const Reads& reads = lists.all[at];
    for (unsigned l = 0; l < kLanes; ++l) {
      const unsigned reader = reads.warp * kLanes + l;
      if (reads.lanes >> l & 1 && !known(reader, reads.segment)) {
        return race(access, "has read", state.group, reader, reads.code);
      }
    }
  }
  lists.giveBack(cell.reads);
  cell.reads = 0;
  cell.readGroup = kNone;
  cell.writer = access.as;
  cell.writerGroup = state.group;
  cell.written = access.segment;
  cell.atomic = access.kind == Kind::kAtomic;
  cell.code = access.code;
  return "";
}

// Four cells for a word whose bytes are not always accessed together.
void split(Page& page, Cell& word, unsigned index) {
  if (page.bytes == nullptr) page.bytes = std::make_unique<Cell[]>(size_t{1} << kPageBits);
  Cell* const bytes = page.bytes.get() + size_t{index} * 4;
  std::fill(bytes, bytes + 4, word);
  word.split = true;
  // Each has its own list.
  ReadLists& lists = readLists[word.serial == state.shared];
  for (int i = 1; i < 4; ++i) {
    bytes[i].reads = 0;
    for (uint32_t at = word.reads; at != 0; at = lists.all[at].next) {
      Reads copy = lists.all[at];
      copy.next = bytes[i].reads;
      bytes[i].reads = lists.take(copy);
    }
  }
}

std::string checkAccess(const Access& access) {
  const uint32_t serial = access.space == Space::kShared ? state.shared : state.launch;
  const uintptr_t end = access.address + access.bytes;
  for (uintptr_t at = access.address; at < end;) {
    const uintptr_t next = std::min(end, (at | 3) + 1);
    Page& page = pageOf(at);
    const unsigned index = (at & ((1u << kPageBits) - 1)) / 4;
    Cell& word = page.words[index];
    if (word.serial != serial) {
      word = {};
      word.serial = serial;
    }
    if (next - at == 4 && !word.split) {
      if (std::string wrong = checkCell(word, access); !wrong.empty()) return wrong;
    } else {
      if (!word.split) split(page, word, index);
      for (; at < next; ++at) {
        Cell& cell = page.bytes[index * 4 + at % 4];
        if (std::string wrong = checkCell(cell, access); !wrong.empty()) return wrong;
      }
    }
    at = next;
  }
  return "";
}

// Variables of this library, among which __shared__ ones are.
bool isVariable(uintptr_t address) {
  static const auto range = [] {
    std::pair<uintptr_t, uintptr_t> found{0, 0};
    dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void* to) {
          const auto mine = reinterpret_cast<uintptr_t>(&state);
          for (int i = 0; i < info->dlpi_phnum; ++i) {
            const auto& segment = info->dlpi_phdr[i];
            const uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
            if (segment.p_type == PT_LOAD && mine >= begin && mine < begin + segment.p_memsz) {
              *static_cast<std::pair<uintptr_t, uintptr_t>*>(to) = {begin, begin + segment.p_memsz};
            }
          }
          return 0;
        },
        &found);
    return found;
  }();
  return address >= range.first && address < range.second;
}

void checkFrom(const void* at, size_t bytes, Kind kind, unsigned as, Time segment, uintptr_t code,
               bool fenced = false) {
  const auto address = reinterpret_cast<uintptr_t>(at);
  if (!state.active || address - state.stack < state.stackBytes) return;
  const Space space = isVariable(address) ? Space::kShared : Space::kGlobal;
  const std::string wrong = checkAccess({address, bytes, kind, space, as, segment, code, fenced});
  if (!wrong.empty()) fail(wrong);
}

}  // namespace

void beginLaunch(const std::string& kernel) {
  state.kernel = kernel;
  state.active = true;
  state.launch = ++state.now;
  for (ReadLists& lists : readLists) lists.clear();
  if (pages.size() > kMostPages) pages.clear();
}

void endLaunch() { state.active = false; }

void beginGroup(unsigned number, unsigned members, unsigned threadsOfBlock) {
  state.group = number;
  state.blockThreads = (threadsOfBlock + kLanes - 1) / kLanes * kLanes;
  state.threads = state.blockThreads * members;
  state.shared = ++state.now;
  readLists[1].clear();
  Clock first;
  first.segment = ++state.now;
  state.clocks.assign(state.threads, first);
  state.fences.assign(state.threads, {});
  state.phases.clear();
  state.stackBytes = 0;
}

unsigned threadOf(unsigned member, unsigned thread) { return member * state.blockThreads + thread; }

void goOn(unsigned thread, const void* stack, size_t stackBytes) {
  state.me = thread;
  state.stack = reinterpret_cast<uintptr_t>(stack);
  state.stackBytes = stackBytes;
}

void meetGroup() {
  const Time now = ++state.now;
  for (Clock& clock : state.clocks) clock.segment = clock.group = now;
}

void meetBlock(unsigned member) {
  const Time now = ++state.now;
  Times all;
  const auto begin = state.clocks.begin() + member * state.blockThreads, end = begin + state.blockThreads;
  std::vector<Time> products;
  for (auto clock = begin; clock != end; ++clock) {
    all = joined(all, clock->others);
    if (clock->products == 0) continue;
    products.resize(state.threads + state.threads / kLanes);
    Time& known = products[state.threads + static_cast<size_t>(clock - state.clocks.begin()) / kLanes];
    known = std::max(known, clock->products);
  }
  if (!products.empty()) all = joined(all, std::make_shared<std::vector<Time>>(std::move(products)));
  for (auto clock = begin; clock != end; ++clock) {
    clock->segment = clock->block = now;
    clock->others = all;
  }
}

void meetLanes(unsigned anyThread, unsigned lanes) {
  const Time now = ++state.now;
  Clock* const warp = state.clocks.data() + anyThread / kLanes * kLanes;
  Clock all;
  for (unsigned l = 0; l < kLanes; ++l) {
    if ((lanes >> l & 1) == 0) continue;
    all.group = std::max(all.group, warp[l].group);
    all.block = std::max(all.block, warp[l].block);
    all.products = std::max(all.products, warp[l].products);
    all.others = joined(all.others, warp[l].others);
    for (unsigned k = 0; k < kLanes; ++k) all.lanes[k] = std::max(all.lanes[k], warp[l].lanes[k]);
  }
  all.segment = now;
  for (unsigned l = 0; l < kLanes; ++l) {
    if (lanes >> l & 1) all.lanes[l] = now;
  }
  for (unsigned l = 0; l < kLanes; ++l) {
    if (lanes >> l & 1) warp[l] = all;
  }
}

std::string access(const void* at, size_t bytes, Kind kind, Space space, uintptr_t code) {
  return checkAccess({reinterpret_cast<uintptr_t>(at), bytes, kind, space, state.me, state.clocks[state.me].segment, code});
}

void check(const void* at, size_t bytes, Kind kind) {
  if (!state.active) return;
  checkFrom(at, bytes, kind, state.me, state.clocks[state.me].segment,
            reinterpret_cast<uintptr_t>(__builtin_return_address(0)));
}

namespace {

Phase& phaseOf(const void* barrier) {
  Phase& phase = state.phases[barrier];
  if (phase.copies == 0) {
    phase.copies = state.threads + state.threads / kLanes + static_cast<unsigned>(state.phases.size());
  }
  return phase;
}

// Those of threads from `first` on are at least these.
void add(Phase& phase, unsigned first, const Time* times, unsigned count) {
  auto all = std::make_shared<std::vector<Time>>();
  if (phase.now.times != nullptr) *all = *phase.now.times;
  if (all->size() < first + count) all->resize(std::max(first + count, state.threads));
  for (unsigned i = 0; i < count; ++i) (*all)[first + i] = std::max((*all)[first + i], times[i]);
  phase.now.times = std::move(all);
}

}  // namespace

void arrive(const void* barrier) {
  Phase& phase = phaseOf(barrier);
  Clock& mine = state.clocks[state.me];
  const Time now = ++state.now;
  Phase::Known& all = phase.now;
  all.group = std::max(all.group, mine.group);
  all.blocks.resize(state.threads / state.blockThreads);
  Time& block = all.blocks[blockOf(state.me)];
  block = std::max(block, mine.block);
  all.times = joined(all.times, mine.others);
  std::array<Time, kLanes> known = mine.lanes;
  known[state.me % kLanes] = now;
  add(phase, state.me / kLanes * kLanes, known.data(), kLanes);
  if (mine.products != 0) add(phase, state.threads + state.me / kLanes, &mine.products, 1);
  mine.segment = now;
}

void endPhase(const void* barrier) {
  Phase& phase = phaseOf(barrier);
  phase.over = std::move(phase.now);
  phase.now = {};
}

void acquire(const void* barrier) {
  const Phase::Known& all = phaseOf(barrier).over;
  Clock& mine = state.clocks[state.me];
  mine.group = std::max(mine.group, all.group);
  if (!all.blocks.empty()) mine.block = std::max(mine.block, all.blocks[blockOf(state.me)]);
  mine.others = joined(mine.others, all.times);
}

void checkCopy(const void* at, size_t bytes, Kind kind, const void* barrier) {
  if (!state.active) return;
  checkFrom(at, bytes, kind, phaseOf(barrier).copies, state.now, reinterpret_cast<uintptr_t>(__builtin_return_address(0)));
}

void arriveCopy(const void* barrier) {
  Phase& phase = phaseOf(barrier);
  const Time now = ++state.now;
  add(phase, phase.copies, &now, 1);
}

void checkStore(const void* at, size_t bytes, const void* barrier) {
  if (!state.active) return;
  checkFrom(at, bytes, Kind::kRead, phaseOf(barrier).copies, state.now,
            reinterpret_cast<uintptr_t>(__builtin_return_address(0)), true);
}

void fence() { state.fences[state.me].push_back(state.clocks[state.me].segment = ++state.now); }

void checkProduct(const void* at, size_t bytes) {
  if (!state.active) return;
  checkFrom(at, bytes, Kind::kRead, state.threads + state.me / kLanes, state.now,
            reinterpret_cast<uintptr_t>(__builtin_return_address(0)));
}

void awaitProducts() { state.clocks[state.me].products = ++state.now; }

}  // namespace steepest::emulated::races

// ---- what the compiler calls

using steepest::emulated::races::Kind;
namespace races = steepest::emulated::races;

#define SAID(name, bytes, kind)                                                                    \
  extern "C" void name(void* at) {                                                                 \
    if (!races::state.active) return;                                                              \
    races::checkFrom(at, bytes, kind, races::state.me, races::state.clocks[races::state.me].segment, \
                     reinterpret_cast<uintptr_t>(__builtin_return_address(0)));                    \
  }
#define SAID_BOTH(bytes)                                  \
  SAID(__tsan_read##bytes, bytes, Kind::kRead)            \
  SAID(__tsan_write##bytes, bytes, Kind::kWrite)          \
  SAID(__tsan_unaligned_read##bytes, bytes, Kind::kRead)  \
  SAID(__tsan_unaligned_write##bytes, bytes, Kind::kWrite)
SAID_BOTH(1)
SAID_BOTH(2)
SAID_BOTH(4)
SAID_BOTH(8)
SAID_BOTH(16)

#define SAID_RANGE(name, kind)                                                                     \
  extern "C" void name(void* at, size_t bytes) {                                                   \
    if (!races::state.active) return;                                                              \
    races::checkFrom(at, bytes, kind, races::state.me, races::state.clocks[races::state.me].segment, \
                     reinterpret_cast<uintptr_t>(__builtin_return_address(0)));                    \
  }
SAID_RANGE(__tsan_read_range, Kind::kRead)
SAID_RANGE(__tsan_write_range, Kind::kWrite)

extern "C" void __tsan_init() {}
extern "C" void __tsan_func_entry(void*) {}
extern "C" void __tsan_func_exit() {}
extern "C" void __tsan_vptr_update(void**, void*) {}
extern "C" void __tsan_vptr_read(void**) {}
// Clang says so of what GCC leaves to the library.
extern "C" void* __tsan_memcpy(void* to, const void* from, size_t bytes) {
  races::check(from, bytes, Kind::kRead);
  races::check(to, bytes, Kind::kWrite);
  return std::memcpy(to, from, bytes);
}
extern "C" void* __tsan_memmove(void* to, const void* from, size_t bytes) {
  races::check(from, bytes, Kind::kRead);
  races::check(to, bytes, Kind::kWrite);
  return std::memmove(to, from, bytes);
}
extern "C" void* __tsan_memset(void* to, int value, size_t bytes) {
  races::check(to, bytes, Kind::kWrite);
  return std::memset(to, value, bytes);
}

#endif
