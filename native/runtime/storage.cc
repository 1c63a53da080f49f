#include "storage.h"

#include <atomic>

namespace steepest {
namespace {

std::atomic<int64_t> alive{0};

// Storages that have a copy, the one that was used longest ago first. Locked after a storage's own mutex, or else that is only
// tried.
std::mutex listMutex;
std::list<Storage*>& listed() {
  static auto* const list = new std::list<Storage*>;  // threads may use it at the end of the process
  return *list;
}

}  // namespace

Storage::Storage(uint64_t bytes) : memory_(bytes, Contents::kUndefined) {
  alive.fetch_add(1, std::memory_order_relaxed);
}

Storage::~Storage() {
  unlist();
  alive.fetch_sub(1, std::memory_order_relaxed);
}

bool Storage::isCopied() const {
  const std::lock_guard lock(copying_);
  return copy_.memory && copy_.version == version_.load(std::memory_order_relaxed);
}

void Storage::list() {
  unlist();
  const std::lock_guard lock(listMutex);
  use_ = listed().insert(listed().end(), this);
  isListed_ = true;
}

void Storage::unlist() {
  const std::lock_guard lock(listMutex);
  if (isListed_) listed().erase(use_);
  isListed_ = false;
}

bool freeUnusedCopy(const void* device) {
  std::shared_ptr<Buffer> freed;  // behind the locks
  const std::lock_guard lock(listMutex);
  for (Storage* const storage : listed()) {
    // Who holds this one is about to use the copy.
    const std::unique_lock copying(storage->copying_, std::try_to_lock);
    if (!copying.owns_lock() || storage->copy_.device != device || storage->copy_.memory.use_count() != 1) continue;
    freed = std::move(storage->copy_.memory);
    storage->copy_ = {};
    listed().erase(storage->use_);
    storage->isListed_ = false;
    return true;
  }
  return false;
}

int64_t storagesAlive() { return alive.load(std::memory_order_relaxed); }

}  // namespace steepest
