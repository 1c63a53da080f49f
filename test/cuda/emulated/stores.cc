// Boxes on their way from shared memory to a tensor, for the twin of ptx.h: shared memory is read when somebody waits for that, and
// the tensor is written when somebody waits for that, as late as hardware might.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "ptx.h"
#include "races.h"
#include "rules.h"
#include "tensor_map.h"

namespace steepest::emulated {
namespace {

constexpr unsigned kThreads = 1024;
constexpr size_t kMostGroups = 4;  // of a thread, that are told apart

struct Store {
  const unsigned char* from;
  Tensor tensor;
  int64_t at[3];
  std::vector<unsigned char> bytes;  // that have been read

  uint32_t size() const { return tensor.box[0] * tensor.box[1] * tensor.box[2] * tensor.elementBytes; }
};
using Group = std::vector<Store>;

// Of one thread: boxes of no group yet, groups by how far they are, and how many there have been.
struct Stores {
  Group open;
  std::vector<Group> closed, read;
  size_t count = 0;
};
Stores stores[kThreads];
bool isPlain = true;  // a block without any

// What a group is to those who look for races.
const void* keyOf(unsigned thread, size_t group) {
  static const char keys[kThreads][kMostGroups] = {};
  return &keys[thread][group % kMostGroups];
}

// put(offset in the box, address in the tensor, bytes) for what is inside of it.
template <typename Put>
void eachRun(const Store& store, Put put) {
  const Tensor& t = store.tensor;
  const auto extent = [&](int d) { return static_cast<int64_t>(t.shape[d]); };
  const int64_t first = std::max<int64_t>(-store.at[0], 0), last = std::min<int64_t>(t.box[0], extent(0) - store.at[0]);
  if (first >= last) return;
  for (int64_t i = 0; i < int64_t{t.box[1]} * t.box[2]; ++i) {
    const int64_t y = store.at[1] + i % t.box[1], z = store.at[2] + i / t.box[1];
    if (y < 0 || y >= extent(1) || z < 0 || z >= extent(2)) continue;
    const int64_t at = (store.at[0] + first) * t.elementBytes + y * static_cast<int64_t>(t.strides[1]) +
                       z * static_cast<int64_t>(t.strides[2]);
    put((i * t.box[0] + first) * t.elementBytes, reinterpret_cast<unsigned char*>(t.address + static_cast<uint64_t>(at)),
        static_cast<size_t>(last - first) * t.elementBytes);
  }
}

void read(Store& store) {
  const auto base = static_cast<uint32_t>(store.from - sharedMemory().data);
  store.bytes.resize(store.size());
  for (uint32_t i = 0; i < store.size(); i += 16) {
    std::memcpy(store.bytes.data() + i, sharedMemory().data + swizzled(base + i), 16);
  }
}

// All groups but the last ones.
void readGroups(size_t but) {
  const unsigned me = threadNumber();
  Stores& mine = stores[me];
  while (mine.closed.size() > but) {
    for (Store& store : mine.closed.front()) read(store);
    const void* const key = keyOf(me, mine.count - mine.closed.size());
    races::arriveCopy(key);
    races::endPhase(key);
    races::acquire(key);
    mine.read.push_back(std::move(mine.closed.front()));
    mine.closed.erase(mine.closed.begin());
  }
}

}  // namespace

const char* unfinishedStores() {
  if (isPlain) return nullptr;
  isPlain = true;
  bool goesOn = false;
  for (Stores& of : stores) {
    goesOn = goesOn || !of.open.empty() || !of.closed.empty() || !of.read.empty();
    of = {};
  }
  return goesOn ? "a thread that ends while boxes go from its block to memory" : nullptr;
}

void awaitStoreGroups(unsigned groups) {
  // Others run first: what they do to shared memory in the meantime is seen.
  waitUntil([](void*) { return true; }, nullptr);
  readGroups(groups);
}

}  // namespace steepest::emulated

namespace steepest::cuda::ptx {

using namespace steepest::emulated;

void storeBox(const TensorMap* map, const void* from, int x, int y, int z) {
  Store store{static_cast<const unsigned char*>(from), describedBy(map, false), {x, y, z}, {}};
  checkShared(from, store.size(), 1024, "a box that goes to memory");
  emulated::isPlain = false;
  const unsigned me = threadNumber();
  rules::storedBy(me);
  const void* const key = keyOf(me, stores[me].count);
  races::checkStore(from, store.size(), key);
  eachRun(store, [&](int64_t, const unsigned char* to, size_t bytes) {
    races::checkCopy(to, bytes, races::Kind::kWrite, key);
  });
  stores[me].open.push_back(std::move(store));
}

void closeStores() {
  Stores& mine = stores[threadNumber()];
  mine.closed.push_back(std::move(mine.open));
  mine.open.clear();
  ++mine.count;
}

void finishStores() {
  awaitStoreGroups(0);
  for (const Group& group : stores[threadNumber()].read) {
    for (const Store& store : group) {
      eachRun(store, [&](int64_t offset, unsigned char* to, size_t bytes) {
        std::memcpy(to, store.bytes.data() + offset, bytes);
      });
    }
  }
  stores[threadNumber()].read.clear();
}

}  // namespace steepest::cuda::ptx
