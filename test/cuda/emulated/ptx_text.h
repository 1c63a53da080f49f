// The PTX that native/cuda/emit writes, for machines without a GPU: a strict reader, and an interpreter that takes the threads of a
// block through it side by side.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "launch.h"

namespace steepest::emulated::ptx {

// Predicates, 32-bit and 64-bit words, float32, float64.
enum Bank : uint8_t { P, R, Q, F, D };

// A register's number among all, or what `bits` says.
struct Source {
  bool known = false;
  uint64_t bits = 0;
  uint32_t number = 0;
};

// Values of all threads; a known one has step 0.
struct Lane {
  const uint64_t* values;
  size_t step;
};
// Threads list[0 .. n-1].
struct Threads {
  const uint16_t* list;
  size_t n;
};
using Loop = void (*)(uint64_t* to, Lane a, Lane b, Lane c, Threads threads);

// An instruction that makes a register of registers.
struct Operation {
  const char* name;
  Bank to;
  const char* from;  // banks
  Loop run;
};
const Operation* findOperation(const std::string& name);

enum class Kind : uint8_t { kPlain, kSpecial, kPack, kUnpack, kLoad, kStore, kBranch, kBarrier, kCluster, kShuffle, kAdd, kExchange, kAcquire, kReturn };
enum class Space : uint8_t { kParameters, kGlobal, kShared };

struct Instruction {
  Kind kind = Kind::kPlain;
  int line = 0;
  Loop run = nullptr;
  uint32_t to = 0;
  Source from[3];
  // Memory: `count` elements of `bytes` from from[0] + offset, to or from these.
  Space space = Space::kGlobal;
  uint8_t bytes = 0, count = 1;
  bool isSigned = false;
  int64_t offset = 0;
  uint32_t elements[4] = {};
  // Branches.
  bool conditional = false, negated = false;
  uint32_t target = 0;
};

struct Kernel {
  std::string name;
  unsigned parameterBytes = 0, sharedBytes = 0, mostThreads = 0, members = 1;
  bool launchesShare = false;  // a launch says how many bytes
  uint32_t registers = 0;
  std::vector<Instruction> instructions;
};

// Throws std::runtime_error that names the line.
Kernel parse(const std::string& text);

// The block of device memory that an address lies in: its first byte and one past its last; {0, 0} if there is none.
using FindBlock = std::function<std::pair<uint64_t, uint64_t>(uint64_t address)>;

// Runs a grid; returns what went wrong, with its line. Of a cluster, one block after the other runs until it waits for the others.
// Blocks of a cooperative launch can wait for each other.
std::string run(const Kernel& kernel, const Dimensions& grid, const Dimensions& size, unsigned sharedBytes,
                const void* parameters, const FindBlock& findBlock, bool cooperative = false);

}  // namespace steepest::emulated::ptx
