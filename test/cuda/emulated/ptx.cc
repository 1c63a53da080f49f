#include "ptx.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "races.h"
#include "rules.h"
#include "tensor_map.h"

namespace steepest::emulated {
namespace {

constexpr unsigned kThreads = 1024;

// mbarrier objects have no layout that anybody may know; this one fits.
struct Barrier {
  uint16_t count, pending;
  int32_t bytes : 31;
  uint32_t phase : 1;
};
static_assert(sizeof(Barrier) == 8);

struct Copy {
  unsigned char* to;
  Tensor tensor;
  int at[Tensor::kMostAxes];
  int offset[3];  // of patches
  const void* from = nullptr;  // instead of a box, so many bytes
  uint32_t bytes = 0;
};

// Of one thread, see copyAsync.
struct ThreadCopy {
  void* to;
  const void* from;  // null for zeros
  unsigned bytes;
};
struct ThreadCopies {
  std::vector<ThreadCopy> open;
  std::vector<std::vector<ThreadCopy>> groups;
};

struct Products {
  bool fenced = false;
  std::vector<Product> open;
  std::vector<std::vector<Product>> groups;
};

std::map<Barrier*, std::vector<Copy>> copies;  // on their way
std::set<const Barrier*> made;
Products products[kThreads];
ThreadCopies threadCopies[kThreads];
bool isPlain = true;  // a block without any of these
WarpWords words[kThreads / 32][2];
unsigned rounds[kThreads];

Barrier& barrierAt(uint64_t* at) {
  checkShared(at, 8, 8, "an mbarrier");
  return *reinterpret_cast<Barrier*>(at);
}

// The same place in another block of the cluster.
template <typename T>
T* placeOf(T* at, unsigned other) {
  if (other >= members()) fail("a block that its cluster has not");
  if (!isThere(other)) fail("what is asked of a block of the cluster that has ended");
  return reinterpret_cast<T*>(sharedMemoryOf(other).data + (reinterpret_cast<unsigned char*>(at) - sharedMemory().data));
}

void arriveHere(Barrier& barrier) {
  if (made.count(&barrier) == 0) fail("an mbarrier that nobody has made");
  if (barrier.pending == 0) fail("more arrivals at an mbarrier than it counts");
  races::check(&barrier, 8, races::Kind::kAtomic);
  races::arrive(&barrier);
  --barrier.pending;
}

void endPhase(Barrier& barrier) {
  if (barrier.pending != 0 || barrier.bytes != 0) return;
  races::endPhase(&barrier);
  barrier.phase ^= 1u;
  barrier.pending = barrier.count;
}

// Zero outside of the tensor.
uint32_t numberAt(const Tensor& t, const int64_t* at) {
  uint64_t from = t.address;
  for (uint32_t d = 0; d < t.rank; ++d) {
    if (at[d] < 0 || static_cast<uint64_t>(at[d]) >= t.shape[d]) return 0;
    from += static_cast<uint64_t>(at[d]) * t.strides[d];
  }
  uint32_t number = 0;
  std::memcpy(&number, reinterpret_cast<const void*>(from), t.elementBytes);
  return number;
}

// put(at) for the elements of a copy, in its order.
template <typename Put>
void eachOfBox(const Copy& copy, Put put) {
  const Tensor& t = copy.tensor;
  for (uint32_t z = 0; z < t.box[2]; ++z) {
    for (uint32_t y = 0; y < t.box[1]; ++y) {
      for (uint32_t x = 0; x < t.box[0]; ++x) {
        const int64_t at[] = {copy.at[0] + int64_t{x}, copy.at[1] + int64_t{y}, copy.at[2] + int64_t{z}};
        put(at);
      }
    }
  }
}

// Where the first tap of a filter may be along an axis of images.
int64_t lowest(const Tensor& t, int d) { return t.lower[d]; }
int64_t highest(const Tensor& t, int d) { return static_cast<int64_t>(t.shape[1 + d]) - 1 + t.upper[d]; }

template <typename Put>
void eachOfPatches(const Copy& copy, Put put) {
  const Tensor& t = copy.tensor;
  const int axes = static_cast<int>(t.rank) - 2;
  int64_t base[Tensor::kMostAxes] = {};  // of the first tap, and last the image
  for (int d = 0; d <= axes; ++d) base[d] = copy.at[1 + d];
  for (uint32_t pixel = 0; pixel < t.pixels; ++pixel) {
    int64_t at[Tensor::kMostAxes] = {};
    for (int d = 0; d < axes; ++d) at[1 + d] = base[d] + copy.offset[d];
    at[1 + axes] = base[axes];
    for (uint32_t channel = 0; channel < t.channels; ++channel) {
      at[0] = copy.at[0] + int64_t{channel};
      put(at);
    }
    int d = 0;
    for (; d < axes; ++d) {
      base[d] += t.steps[d];
      if (base[d] <= highest(t, d)) break;
      base[d] = lowest(t, d);
    }
    if (d == axes) ++base[axes];
  }
}

void deliver(Barrier& barrier) {
  const auto found = copies.find(&barrier);
  if (found == copies.end()) return;
  const std::vector<Copy> arriving = std::move(found->second);
  copies.erase(found);
  for (const Copy& copy : arriving) {
    if (copy.from != nullptr) {
      std::memcpy(copy.to, copy.from, copy.bytes);
      barrier.bytes -= static_cast<int32_t>(copy.bytes);
      rules::arrived(copy.to, copy.bytes, reinterpret_cast<const uint64_t*>(&barrier));
      continue;
    }
    const uint32_t base = static_cast<uint32_t>(copy.to - sharedMemory().data);
    uint32_t offset = 0;
    const auto put = [&](const int64_t* at) {
      const uint32_t number = numberAt(copy.tensor, at);
      std::memcpy(sharedMemory().data + swizzled(base + offset), &number, copy.tensor.elementBytes);
      offset += copy.tensor.elementBytes;
    };
    if (copy.tensor.patches != 0) {
      eachOfPatches(copy, put);
    } else {
      eachOfBox(copy, put);
    }
    barrier.bytes -= static_cast<int32_t>(offset);
  }
  races::arriveCopy(&barrier);
  endPhase(barrier);
}

// What a copy reads, for races: it may do so as soon as it is asked for.
void checkSource(const Tensor& t, const int64_t* at, uint64_t* barrier) {
  uint64_t from = t.address;
  for (uint32_t d = 0; d < t.rank; ++d) {
    if (at[d] < 0 || static_cast<uint64_t>(at[d]) >= t.shape[d]) return;
    from += static_cast<uint64_t>(at[d]) * t.strides[d];
  }
  if (from % 4 == 0) races::checkCopy(reinterpret_cast<const void*>(from), 4, races::Kind::kRead, barrier);
}

// Elements (i, 0 .. 15) of an operand that a descriptor tells of, or (i, 0 .. 7) in tf32; i is along its rows, or columns of B.
void elementsAt(uint64_t descriptor, bool transposed, bool isTf32, unsigned i, float* to) {
  const auto field = [&](int shift) { return static_cast<uint32_t>(descriptor >> shift & 0x3fff) << 4; };
  const uint32_t start = field(0), leading = field(16), stride = field(32);
  const uint32_t first = transposed ? start + i / 64 * leading + i % 64 * 2 : start + i / 8 * stride + i % 8 * 128;
  for (unsigned k = 0; isTf32 && k < 8; ++k) {
    if (first + k * 4 + 4 > sharedMemory().bytes) fail("wgmma reads behind the shared memory of the block");
    uint32_t bits;
    std::memcpy(&bits, sharedMemory().data + swizzled(first + k * 4), 4);
    to[k] = tf32(bits);
  }
  for (unsigned k = 0; !isTf32 && k < 16; ++k) {
    const uint32_t address = first + (transposed ? k / 8 * stride + k % 8 * 128 : k * 2);
    if (address + 2 > sharedMemory().bytes) fail("wgmma reads behind the shared memory of the block");
    uint16_t number;
    std::memcpy(&number, sharedMemory().data + swizzled(address), 2);
    to[k] = bfloat16(number);
  }
}

void compute(const Product& p) {
  const unsigned t = thread().x % 128, row = t / 32 * 16 + t % 32 / 4, column = t % 4 * 2;
  float a[2][16];
  for (unsigned h = 0; h < 2; ++h) {
    if (p.held == nullptr) elementsAt(p.a, p.transposedA, p.tf32, row + 8 * h, a[h]);
  }
  if (p.held != nullptr) {
    if (std::memcmp(p.held, p.words[t % 4], sizeof p.words[0]) != 0) {
      fail("registers of an operand that change before wgmma is done with them");
    }
    for (unsigned k = 0; k < 16; ++k) {
      for (unsigned h = 0; h < 2; ++h) a[h][k] = bfloat16(p.words[k % 8 / 2][k / 8 * 2 + h] >> k % 2 * 16 & 0xffffu);
    }
  }
  for (int j = 0; j < p.columns / 8; ++j) {
    for (unsigned c = 0; c < 2; ++c) {
      float sums[2] = {}, b[16];
      elementsAt(p.b, p.transposedB, p.tf32, static_cast<unsigned>(j) * 8 + column + c, b);
      for (unsigned k = 0; k < (p.tf32 ? 8u : 16u); ++k) {
        sums[0] += a[0][k] * b[k];
        sums[1] += a[1][k] * b[k];
      }
      for (unsigned h = 0; h < 2; ++h) {
        float& sum = p.sums[static_cast<unsigned>(j) * 4 + 2 * h + c];
        sum = (p.accumulate ? sum : 0) + sums[h];
      }
    }
  }
}

// What elementsAt reads, for races.
void checkElements(uint64_t descriptor, bool transposed, unsigned i) {
  const auto field = [&](int shift) { return static_cast<uint32_t>(descriptor >> shift & 0x3fff) << 4; };
  const uint32_t start = field(0), leading = field(16), stride = field(32);
  const uint32_t first = transposed ? start + i / 64 * leading + i % 64 * 2 : start + i / 8 * stride + i % 8 * 128;
  for (unsigned k = 0; k < (transposed ? 16u : 2u); ++k) {
    const uint32_t address = first + (transposed ? k / 8 * stride + k % 8 * 128 : k * 16);
    races::checkProduct(sharedMemory().data + (swizzled(address) & ~3u), transposed ? 4 : 16);
  }
}
// Of what a product reads, a lane's part: the lanes of a warp read all of it, and wait for it together.
void checkOperands(const Product& p) {
  if (!races::kEnabled) return;
  const unsigned t = thread().x % 128, row = t / 32 * 16 + t % 32 / 4;
  if (p.held == nullptr && t % 4 < 2) checkElements(p.a, p.transposedA, row + 8 * (t % 4));
  const unsigned step = p.transposedB ? 2 : 1;  // neighbours share words
  for (unsigned i = t % 32 * step; i < static_cast<unsigned>(p.columns); i += 32 * step) {
    checkElements(p.b, p.transposedB, i);
  }
}

}  // namespace

std::string leftBehind() {
  const char* const stores = unfinishedStores();
  if (isPlain) return stores != nullptr ? stores : "";
  isPlain = true;
  const char* const unfinished = rules::unfinished();
  std::string wrong = unfinished != nullptr ? unfinished : "";
  const auto isThere = [](const std::vector<ThreadCopy>& group) { return !group.empty(); };
  for (unsigned i = 0; i < kThreads; ++i) {
    if (!products[i].open.empty() || !products[i].groups.empty()) wrong = "a thread that ends while its products go on";
    const ThreadCopies& mine = threadCopies[i];
    if (isThere(mine.open) || std::any_of(mine.groups.begin(), mine.groups.end(), isThere)) {
      wrong = "a thread that ends while its copies go on";
    }
    products[i] = {};
    threadCopies[i] = {};
  }
  if (stores != nullptr) wrong = stores;
  if (!copies.empty()) wrong = "a block that ends while copies to it go on";
  copies.clear();
  made.clear();
  return wrong;
}

void checkShared(const void* p, unsigned bytes, unsigned alignment, const char* what) {
  const auto at = reinterpret_cast<uintptr_t>(p), first = reinterpret_cast<uintptr_t>(sharedMemory().data);
  if (at < first || at + bytes > first + sharedMemory().bytes) {
    fail(std::string(what) + " outside of the dynamic shared memory of the block");
  }
  if (at % alignment != 0) fail(std::string(what) + " that is not at a multiple of " + std::to_string(alignment) + " bytes");
}

const WarpWords& shareWords(const uint32_t* mine, unsigned count) {
  const unsigned index = threadNumber();
  WarpWords& shared = words[index / 32][rounds[index]++ % 2];
  std::memcpy(shared[lane()], mine, count * sizeof *mine);
  exchange(0xffffffffu, 0, 0);
  return shared;
}

uint32_t toBfloat16Bits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  if (x != x) return 0x7fff;
  if ((bits & 0x7f800000u) == 0) return bits >> 16 & 0x8000u;
  return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
}

float tf32(uint32_t bits) {
  if ((bits & 0x1fffu) != 0) fail("an operand in tf32 that has not been rounded");
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

uint32_t toTf32Bits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  if (x != x) return 0x7fffe000;
  return (bits & 0x7f800000u) == 0x7f800000u ? bits : (bits + 0x1000u) & 0xffffe000u;
}

namespace {

// A copy happens at any time from when it is asked for until it has been waited for: so at both ends.
void checkRaces(const ThreadCopy& copy) {
  races::check(copy.to, copy.bytes, races::Kind::kWrite);
  if (copy.from != nullptr) races::check(copy.from, copy.bytes, races::Kind::kRead);
}

}  // namespace

void deferCopy(void* to, const void* from, unsigned bytes, bool there) {
  isPlain = false;
  checkShared(to, bytes, bytes, "cp.async");
  if (there && reinterpret_cast<uintptr_t>(from) % bytes != 0) fail("cp.async from an address that is not aligned");
  checkRaces({to, there ? from : nullptr, bytes});
  std::memset(to, 0xff, bytes);
  threadCopies[threadNumber()].open.push_back({to, there ? from : nullptr, bytes});
}

void closeCopyGroup() {
  ThreadCopies& mine = threadCopies[threadNumber()];
  mine.groups.push_back(std::move(mine.open));
  mine.open.clear();
}

void awaitCopyGroups(unsigned groups) {
  std::vector<std::vector<ThreadCopy>>& all = threadCopies[threadNumber()].groups;
  while (all.size() > groups) {
    for (const ThreadCopy& copy : all.front()) {
      checkRaces(copy);
      if (copy.from == nullptr) {
        std::memset(copy.to, 0, copy.bytes);
      } else {
        std::memcpy(copy.to, copy.from, copy.bytes);
      }
    }
    all.erase(all.begin());
  }
}

Tensor describedBy(const cuda::TensorMap* map, bool patches) {
  Tensor tensor;
  std::memcpy(&tensor, map, sizeof tensor);
  if (tensor.magic != Tensor::kMagic) fail("a copy by a tensor map that nobody has made");
  if (reinterpret_cast<uintptr_t>(map) % 16 != 0) fail("a tensor map that is not aligned");
  if ((tensor.patches != 0) != patches) fail("a copy by a tensor map of the other kind");
  return tensor;
}

void deferProduct(const Product& product) {
  isPlain = false;
  Products& mine = products[threadNumber()];
  if (!mine.fenced) fail("wgmma without a fence before it");
  if (product.held == nullptr) rules::checkDescriptor(product.a);
  rules::checkDescriptor(product.b);
  const unsigned flags = product.transposedA | product.transposedB << 1 | product.tf32 << 2 | product.accumulate << 3;
  rules::issued({product.a, product.b, product.columns, flags});
  // As for copies: it reads at any time from now on until it has been waited for.
  checkOperands(product);
  mine.open.push_back(product);
}

void deferHeld(Product product) {
  const WarpWords& of = shareWords(product.held, 4);
  for (unsigned i = 0; i < 4; ++i) std::memcpy(product.words[i], of[lane() / 4 * 4 + i], sizeof product.words[i]);
  deferProduct(product);
}

void checkComputed(const float* sums) {
  const Products& mine = products[threadNumber()];
  const auto makes = [&](const std::vector<Product>& group) {
    return std::any_of(group.begin(), group.end(), [&](const Product& p) { return p.sums == sums; });
  };
  if (makes(mine.open) || std::any_of(mine.groups.begin(), mine.groups.end(), makes)) {
    fail("sums of wgmma that are read before they have been waited for");
  }
}

void awaitDeferred(unsigned groups) {
  // Others run first: what they do to shared memory in the meantime is seen.
  waitUntil([](void*) { return true; }, nullptr);
  std::vector<std::vector<Product>>& all = products[threadNumber()].groups;
  while (all.size() > groups) {
    for (const Product& product : all.front()) {
      checkOperands(product);
      compute(product);
    }
    all.erase(all.begin());
  }
  // A warp does it as one: no lane goes on, and tells others so, before all have read what they multiply.
  exchange(0xffffffffu, 0, 0);
  races::awaitProducts();
}

}  // namespace steepest::emulated

namespace steepest::cuda::ptx {

using namespace steepest::emulated;

void initBarrier(uint64_t* at, uint32_t count) {
  Barrier& barrier = barrierAt(at);
  if (count == 0 || count >= 1u << 16) fail("an mbarrier for no possible number of arrivals");
  isPlain = false;
  races::check(at, 8, races::Kind::kWrite);
  copies.erase(&barrier);
  made.insert(&barrier);
  rules::newBarrier(at);
  barrier = {static_cast<uint16_t>(count), static_cast<uint16_t>(count), 0, 0};
}

void fenceBarriers() { rules::fencedBarriers(); }

void fenceCopies() {
  rules::fencedCopies();
  races::fence();
}

void arrive(uint64_t* at) {
  Barrier& barrier = barrierAt(at);
  arriveHere(barrier);
  endPhase(barrier);
}

void arriveAt(uint64_t* at, uint32_t other) {
  checkShared(at, 8, 8, "an mbarrier");
  Barrier& barrier = *reinterpret_cast<Barrier*>(placeOf(at, other));
  arriveHere(barrier);
  endPhase(barrier);
}

void meetCluster() { clusterBarrier(); }
uint32_t memberOfCluster() { return member(); }

void arriveExpecting(uint64_t* at, uint32_t bytes) {
  Barrier& barrier = barrierAt(at);
  barrier.bytes += static_cast<int32_t>(bytes);
  if (barrier.bytes >= 1 << 20) fail("more bytes than an mbarrier can count");
  arrive(at);
}

void awaitPhase(uint64_t* at, uint32_t parity) {
  struct Wanted {
    Barrier& barrier;
    uint32_t parity;
  } wanted = {barrierAt(at), parity};
  races::check(at, 8, races::Kind::kAtomic);
  waitUntil(
      [](void* what) {
        const Wanted& w = *static_cast<const Wanted*>(what);
        deliver(w.barrier);
        return w.barrier.phase != w.parity;
      },
      &wanted);
  rules::waitedFor(at);
  races::acquire(at);
}

namespace {

void deferTensorCopy(const Copy& copy, unsigned bytes, uint64_t* at) {
  if (made.count(reinterpret_cast<Barrier*>(at)) == 0) fail("an mbarrier that nobody has made");
  races::check(at, 8, races::Kind::kAtomic);
  races::checkCopy(copy.to, bytes, races::Kind::kWrite, at);
  const auto put = [&](const int64_t* place) { checkSource(copy.tensor, place, at); };
  if (!races::kEnabled) {
  } else if (copy.tensor.patches != 0) {
    eachOfPatches(copy, put);
  } else {
    eachOfBox(copy, put);
  }
  std::memset(copy.to, 0xff, bytes);
  rules::copyTo(at);
  copies[reinterpret_cast<Barrier*>(at)].push_back(copy);
}

}  // namespace

void prefetch(const TensorMap* map) {
  uint64_t magic;
  std::memcpy(&magic, map, sizeof magic);
  if (magic != Tensor::kMagic) fail("a tensor map that nobody has made");
}

}  // namespace steepest::cuda::ptx

namespace steepest::emulated {

void deferBox(void* to, const cuda::TensorMap* map, int x, int y, int z, uint64_t* at, unsigned first, unsigned last) {
  const Tensor t = describedBy(map, false);
  const unsigned bytes = t.box[0] * t.box[1] * t.box[2] * t.elementBytes;
  checkShared(to, bytes, 1024, "a copy of a box");
  checkShared(at, 8, 8, "an mbarrier");
  for (unsigned m = first; m < last; ++m) {
    cuda::ptx::deferTensorCopy({placeOf(static_cast<unsigned char*>(to), m), t, {x, y, z}, {}}, bytes, placeOf(at, m));
  }
}

void deferPatches(void* to, const cuda::TensorMap* map, int axes, int channel, const int* first, int image,
                  const int* offset, uint64_t* at) {
  const Tensor t = describedBy(map, true);
  if (t.rank != static_cast<uint32_t>(axes) + 2) fail("a copy of patches with other axes than its map");
  Copy copy{static_cast<unsigned char*>(to), t, {channel}, {}};
  for (int d = 0; d < axes; ++d) {
    if (first[d] < lowest(t, d) || first[d] > highest(t, d)) fail("a copy of patches from outside of the map's box");
    if (offset[d] < 0 || offset[d] >= 1 << (axes == 1 ? 16 : axes == 2 ? 8 : 5)) {
      fail("a copy of patches with an offset of too many bits");
    }
    copy.at[1 + d] = first[d];
    copy.offset[d] = offset[d];
  }
  copy.at[1 + axes] = image;
  const unsigned bytes = unsigned{t.pixels} * t.channels * t.elementBytes;
  checkShared(to, bytes, 1024, "a copy of patches");
  checkShared(at, 8, 8, "an mbarrier");
  cuda::ptx::deferTensorCopy(copy, bytes, at);
}

}  // namespace steepest::emulated

namespace steepest::cuda::ptx {

void copyBytes(void* to, const void* from, uint32_t bytes, uint64_t* at) {
  checkShared(to, bytes, 16, "a copy of bytes");
  if (reinterpret_cast<uintptr_t>(from) % 16 != 0 || bytes % 16 != 0) fail("a copy of bytes that are not aligned");
  rules::replaces(to, bytes);
  rules::copyTo(at);
  races::check(at, 8, races::Kind::kAtomic);
  races::checkCopy(to, bytes, races::Kind::kWrite, at);
  races::checkCopy(from, bytes, races::Kind::kRead, at);
  std::memset(to, 0xff, bytes);
  copies[&barrierAt(at)].push_back({static_cast<unsigned char*>(to), {}, {}, {}, from, bytes});
}

void fenceProducts() { products[threadNumber()].fenced = true; }

void closeProducts() {
  Products& mine = products[threadNumber()];
  mine.fenced = false;
  mine.groups.push_back(std::move(mine.open));
  mine.open.clear();
}

}  // namespace steepest::cuda::ptx
