// The encoded plan, decoded and validated. Layout: docs/ARCHITECTURE.md, "The encoded plan".
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace steepest {

constexpr int kMaxRank = 8;
constexpr size_t kUnit = 64;  // alignment of every buffer, and the unit of addresses

enum class DType : uint8_t { kFloat32 = 0, kInt32 = 1, kBool = 2, kInt8 = 3, kBfloat16 = 4 };
enum class Space : uint8_t { kArena = 0, kState = 1, kConstant = 2 };

inline size_t sizeOf(DType t) { return t == DType::kFloat32 || t == DType::kInt32 ? 4 : t == DType::kBfloat16 ? 2 : 1; }

// A strided window on a buffer. Strides are in elements and may be zero (broadcast) or negative (flip).
struct View {
  Space space;
  DType dtype;
  int rank;
  uint64_t base;   // bytes from the start of the space, a multiple of kUnit
  int64_t offset;  // elements from base to the element at index (0, ..., 0)
  int64_t shape[kMaxRank];
  int64_t strides[kMaxRank];
  // In a loop of `steps` steps the view moves by `slide` elements with each; 0 steps: it stays.
  int64_t steps;
  int64_t slide;

  int64_t size() const;
  bool contiguous() const;  // row-major without gaps
};

struct Step {
  uint8_t op;     // ScalarOp in ops.inc
  uint8_t lanes;  // operands: 0 float32 (and bool as 0 or 1, int8 and bfloat16 as numbers), 1 int32
  uint8_t dst;
  uint8_t args[3];
  uint32_t immediates[2];
};

// Registers: inputs, then constants, then temporaries.
struct Program {
  int inputs = 0;
  int registers = 0;
  std::vector<uint32_t> constants;  // raw 32-bit lanes
  std::vector<Step> steps;
  std::vector<uint8_t> outputs;  // registers to store
};

struct Instruction {
  uint32_t opcode;
  std::vector<View> inputs;
  std::vector<View> outputs;
  std::vector<uint32_t> attrs;
  Program program;                // empty when the opcode has none
  std::vector<Instruction> body;  // of a loop
  uint32_t number = 0;            // in the plan: a loop, then its body
  // Of the first 32 inputs: bit i says that input i neither slides nor is written by the loop or plan that this is part of.
  // Where there are none, bit 0 says that no state is written there.
  uint32_t steady = 0;
};

struct Plan {
  uint64_t arenaBytes = 0;
  uint64_t stateBytes = 0;  // the state must have at least this many
  std::vector<uint32_t> constants;
  std::vector<View> feeds;  // shape and dtype by slot (where they land is the feed instruction's output)
  std::vector<View> fetches;
  std::vector<Instruction> instructions;
  uint32_t count = 0;  // of instructions, bodies included
};

// Thrown for anything wrong with the words; the message says at which word and what was expected.
struct PlanError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Never trusts its input: every view lies inside its space, every register is defined before it is used, every
// instruction's shapes and dtypes agree. A plan that decodes cannot make a kernel touch foreign memory.
Plan decode(const uint32_t* words, size_t count);

// The same text as lib/compile/print.ts makes of the same plan.
std::string print(const Plan& plan);

}  // namespace steepest
