// Finds accesses to memory that nothing orders: two threads of a launch, one of which writes, and no barrier between. Accesses come
// from the compiler, which puts a call in front of each when the kernels are compiled with -fsanitize=thread (its runtime is
// not needed: races.cc has these calls), from the twin of ptx.h for what hardware does on its own, and from the reader of PTX.
// What orders them is told by whoever makes threads wait. Without STEEPEST_RACES all of this is nothing.
//
// Time is the number of waits so far. A thread knows what another one did when that is older than the moment up to which
// it has waited for it. Of each word the last write is kept and all reads since, so no race is missed for lack of room.
//
// Only what waits in CUDA's model orders accesses: shuffles and products of a warp do not, __syncwarp does. Atomic operations race
// with others only. Blocks of a grid are ordered by nothing, but for those of a cooperative launch of
// PTX: ptx_run.cc knows when all have arrived.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace steepest::emulated::races {

enum class Kind : uint8_t { kRead, kWrite, kAtomic };
// Global memory is one for all blocks; what is shared begins anew with each group.
enum class Space : uint8_t { kGlobal, kShared };

#ifdef STEEPEST_RACES

constexpr bool kEnabled = true;

// A launch, and one after the other its groups of blocks that can wait for each other: clusters, mostly of one block.
void beginLaunch(const std::string& kernel);
void endLaunch();
void beginGroup(unsigned number, unsigned members, unsigned threadsOfBlock);

// The thread that runs, by its number in the group; members begin at multiples of 32. Its stack is nobody else's.
unsigned threadOf(unsigned member, unsigned thread);
void goOn(unsigned thread, const void* stack, size_t stackBytes);

// They have waited for each other: all of the group, a block, or these lanes of a warp.
void meetGroup();
void meetBlock(unsigned member);
void meetLanes(unsigned anyThread, unsigned lanes);

// An access of the thread that runs. Of a race, what is wrong; nothing otherwise.
// `code`: the line of PTX.
std::string access(const void* at, size_t bytes, Kind kind, Space space, uintptr_t code);
// The same from where a kernel has called: fails.
void check(const void* at, size_t bytes, Kind kind);

// mbarriers: what threads did before they arrived is known to those that have waited for the phase.
void arrive(const void* barrier);
void endPhase(const void* barrier);
void acquire(const void* barrier);
// Accesses of a copy that arrives there: they are no thread's, and later than what the thread that runs knows now.
void checkCopy(const void* at, size_t bytes, Kind kind, const void* barrier);
void arriveCopy(const void* barrier);
// A read of a copy from shared memory: who has written there has fenced after that, which the thread that runs knows.
void checkStore(const void* at, size_t bytes, const void* barrier);
void fence();
// A read of the warp's products (wgmma), which are no lane's either; and a lane has waited for all of them that others have waited for.
void checkProduct(const void* at, size_t bytes);
void awaitProducts();

#else

constexpr bool kEnabled = false;
inline void beginLaunch(const std::string&) {}
inline void endLaunch() {}
inline void beginGroup(unsigned, unsigned, unsigned) {}
inline unsigned threadOf(unsigned, unsigned) { return 0; }
inline void goOn(unsigned, const void*, size_t) {}
inline void meetGroup() {}
inline void meetBlock(unsigned) {}
inline void meetLanes(unsigned, unsigned) {}
inline std::string access(const void*, size_t, Kind, Space, uintptr_t) { return ""; }
inline void check(const void*, size_t, Kind) {}
inline void arrive(const void*) {}
inline void endPhase(const void*) {}
inline void acquire(const void*) {}
inline void checkCopy(const void*, size_t, Kind, const void*) {}
inline void arriveCopy(const void*) {}
inline void checkStore(const void*, size_t, const void*) {}
inline void fence() {}
inline void checkProduct(const void*, size_t) {}
inline void awaitProducts() {}

#endif

}  // namespace steepest::emulated::races
