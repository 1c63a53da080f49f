// A plan as text, one line per slot and per instruction:
//
//   plan arena=128 state=64 constants=0
//   feed 0 float32[32, 784]
//   fetch 0 float32[32, 10]
//   0 feed 0 -> arena+0 float32[32, 784]
//   1 matmul 1 (arena+0 float32[32, 784], state+64 float32[784, 10], state+0 float32[32, 10] offset 0 strides [0, 1])
//     -> arena+100352 float32[32, 10] { r2 = 0x3f800000; r3 = add.f r0 r1; r4 = random.i r5 r6 #7 0; return r3 }
//
// (line 1 is one line.) Sizes and addresses are bytes. An instruction is: number, name, attribute words, inputs in
// brackets if there are any, outputs after an arrow if there are any, program if there is one. Offset and strides, in
// elements, are shown unless the view is contiguous from offset 0. Operations carry the lanes of their operands: f or i;
// immediates follow a # where the operation is positional. A view that moves with the steps of a loop ends with the
// elements it moves by: slide 16384. The instructions of a loop follow it, numbered 3.0, 3.1, ...
#include "table.h"
#include "validate.h"

namespace steepest {
namespace {

std::string join(const std::vector<std::string>& parts, const char* separator) {
  std::string result;
  for (const std::string& part : parts) result += (result.empty() ? "" : separator) + part;
  return result;
}

std::string hex(uint32_t word) {
  std::string digits = "0x00000000";
  for (size_t i = digits.size() - 1; word != 0; --i, word >>= 4) digits[i] = "0123456789abcdef"[word & 15];
  return digits;
}

std::string reg(int index) { return "r" + std::to_string(index); }

std::string printView(const View& view) {
  std::string text = std::string(nameOf(view.space)) + "+" + std::to_string(view.base) + " " + describe(view);
  const std::string slide = view.steps == 0 ? "" : " slide " + std::to_string(view.slide);
  if (view.offset == 0 && view.contiguous()) return text + slide;
  std::vector<std::string> strides;
  for (int i = 0; i < view.rank; ++i) strides.push_back(std::to_string(view.strides[i]));
  return text + " offset " + std::to_string(view.offset) + " strides [" + join(strides, ", ") + "]" + slide;
}

std::string printViews(const std::vector<View>& views) {
  std::vector<std::string> parts;
  for (const View& view : views) parts.push_back(printView(view));
  return join(parts, ", ");
}

std::string printStep(const Step& step) {
  const ScalarInfo& info = *scalarInfo(step.op);
  std::string text = reg(step.dst) + " = " + info.name + (step.lanes == STEEPEST_LANES_I ? ".i" : ".f");
  for (int i = 0; i < info.arity; ++i) text += " " + reg(step.args[i]);
  if (info.positional) {
    text += " #" + std::to_string(step.immediates[0]) + " " + std::to_string(step.immediates[1]);
  }
  return text;
}

std::string printProgram(const Program& program) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < program.constants.size(); ++i) {
    lines.push_back(reg(program.inputs + static_cast<int>(i)) + " = " + hex(program.constants[i]));
  }
  for (const Step& step : program.steps) lines.push_back(printStep(step));
  std::string outputs = "return";
  for (uint8_t output : program.outputs) outputs += " " + reg(output);
  lines.push_back(outputs);
  return "{ " + join(lines, "; ") + " }";
}

std::string printInstruction(const Instruction& in) {
  std::string text = instructionInfo(in.opcode)->name;
  for (uint32_t attr : in.attrs) text += " " + std::to_string(attr);
  if (!in.inputs.empty()) text += " (" + printViews(in.inputs) + ")";
  if (!in.outputs.empty()) text += " -> " + printViews(in.outputs);
  if (!in.program.outputs.empty()) text += " " + printProgram(in.program);
  return text;
}

// The body of a loop follows it, numbered 3.0, 3.1, ...
std::string printInstructions(const std::vector<Instruction>& instructions, const std::string& prefix) {
  std::string text;
  for (size_t i = 0; i < instructions.size(); ++i) {
    const std::string number = prefix + std::to_string(i);
    text +=
        number + " " + printInstruction(instructions[i]) + "\n" + printInstructions(instructions[i].body, number + ".");
  }
  return text;
}

}  // namespace

std::string print(const Plan& plan) {
  std::string text = "plan arena=" + std::to_string(plan.arenaBytes) + " state=" + std::to_string(plan.stateBytes) +
                     " constants=" + std::to_string(plan.constants.size() * sizeof(uint32_t)) + "\n";
  for (size_t i = 0; i < plan.feeds.size(); ++i) {
    text += "feed " + std::to_string(i) + " " + describe(plan.feeds[i]) + "\n";
  }
  for (size_t i = 0; i < plan.fetches.size(); ++i) {
    text += "fetch " + std::to_string(i) + " " + describe(plan.fetches[i]) + "\n";
  }
  return text + printInstructions(plan.instructions, "");
}

}  // namespace steepest
