#include "storage.h"

#include <atomic>

namespace steepest {
namespace {

std::atomic<int64_t> alive{0};

}  // namespace

Storage::Storage(uint64_t bytes) : memory_(bytes) { alive.fetch_add(1, std::memory_order_relaxed); }
Storage::~Storage() { alive.fetch_sub(1, std::memory_order_relaxed); }

int64_t storagesAlive() { return alive.load(std::memory_order_relaxed); }

}  // namespace steepest
