// The rules an instruction has to follow, once its views and its program have been read.
#pragma once

#include <string>
#include <vector>

#include "plan.h"

namespace steepest {

const char* nameOf(DType dtype);
const char* nameOf(Space space);
std::string describe(const View& view);  // "float32[32, 10]"

// The bytes of its space that a view can touch: first to last, both included. Sums stay far from overflow because the
// decoder bounds every dimension, stride and offset before it asks.
struct Extent {
  int64_t first;
  int64_t last;
};
Extent extentOf(const View& view);        // in the first step
Extent sweptExtentOf(const View& view);   // in all steps
bool meet(const View& a, const View& b);  // in any steps

// Registers are defined before use, operand lanes fit each operation, outputs fit their dtypes.
void validateProgram(const Program& program, const std::vector<DType>& inputs, const std::vector<DType>& outputs);

// Operand counts, shapes, dtypes and attributes of every opcode. Throws PlanError without a position.
void validateInstruction(const Instruction& instruction, const Plan& plan);

// Sets `steady` of the instructions of a loop, or of a whole plan.
void markSteady(std::vector<Instruction>& body);

// Outputs overlap neither each other nor, except in place where the opcode allows it, an input.
void validateOverlap(const Instruction& instruction);

}  // namespace steepest
