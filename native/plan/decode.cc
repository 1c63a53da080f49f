// Words to Plan. Every number is checked before it is used as a size, and nothing is allocated that the words that are
// left could not fill.
#include <cstdlib>

#include "table.h"
#include "validate.h"

namespace steepest {
namespace {

constexpr size_t kMaxSliding = 1024;                // operands of an instruction: each is compared with all others
constexpr int64_t kMaxElements = int64_t{1} << 40;  // of a view, and the bound of every address computation

class Reader {
 public:
  Reader(const uint32_t* words, size_t count) : words_(words), end_(count) {}

  size_t position() const { return next_; }
  size_t left() const { return end_ - next_; }

  uint32_t word(const char* what) {
    if (next_ == end_) fail(std::string("the words end before ") + what);
    return words_[next_++];
  }

  // A number of things that take `each` words or more: never more than the words that are left can hold.
  size_t count(uint32_t n, size_t each, const char* what) const {
    if (n > left() / each) fail("too few words are left for " + std::to_string(n) + " " + what);
    return n;
  }

  std::vector<uint32_t> take(size_t n, const char* what) {
    count(static_cast<uint32_t>(n), 1, what);
    next_ += n;
    return std::vector<uint32_t>(words_ + next_ - n, words_ + next_);
  }

  // The next n words as a reader of their own, which keeps its position in the whole.
  Reader part(size_t n) {
    Reader result = *this;
    next_ += n;
    result.end_ = next_;
    return result;
  }

  [[noreturn]] void fail(const std::string& message) const {
    throw PlanError("plan, word " + std::to_string(next_) + ": " + message);
  }

 private:
  const uint32_t* words_;
  size_t next_ = 0;
  size_t end_;
};

struct Header {
  size_t constants;
  uint32_t views;
  uint32_t instructions;
  uint32_t feeds;
  uint32_t fetches;
};

void expectWord(Reader& reader, uint32_t expected, const char* what) {
  const uint32_t got = reader.word(what);
  if (got != expected) {
    reader.fail(std::string(what) + ": expected " + std::to_string(expected) + ", got " + std::to_string(got));
  }
}

Header readHeader(Reader& reader, size_t count, Plan& plan) {
  if (count > UINT32_MAX) reader.fail("too many words");
  expectWord(reader, STEEPEST_MAGIC, "magic");
  expectWord(reader, STEEPEST_VERSION, "version");
  expectWord(reader, STEEPEST_TABLE_HASH, "hash of the operation table");
  expectWord(reader, static_cast<uint32_t>(count), "number of words");
  plan.arenaBytes = uint64_t{reader.word("arena units")} * kUnit;
  plan.stateBytes = uint64_t{reader.word("state units")} * kUnit;
  Header header;
  header.constants = reader.word("constant words");
  if (header.constants % 16 != 0) reader.fail("constant words: expected a multiple of 16");
  header.views = reader.word("number of views");
  header.instructions = reader.word("number of instructions");
  header.feeds = reader.word("number of feeds");
  header.fetches = reader.word("number of fetches");
  while (reader.position() < STEEPEST_HEADER_WORDS) expectWord(reader, 0, "reserved word");
  return header;
}

DType readDType(const Reader& reader, uint32_t word) {
  if (word > STEEPEST_DTYPES_BFLOAT16) reader.fail("no dtype has the number " + std::to_string(word));
  return static_cast<DType>(word);
}

int readRank(const Reader& reader, uint32_t word) {
  if (word > static_cast<uint32_t>(kMaxRank)) {
    reader.fail("rank " + std::to_string(word) + " is over " + std::to_string(kMaxRank));
  }
  return static_cast<int>(word);
}

void readShape(Reader& reader, View& view) {
  int64_t size = 1;
  for (int i = 0; i < view.rank; ++i) {
    const int64_t n = reader.word("a dimension");
    if (n == 0) reader.fail("axis " + std::to_string(i) + " has size 0");
    if (n > kMaxElements / size) reader.fail("the view has too many elements");
    size *= n;
    view.shape[i] = n;
  }
}

// A feed or a fetch: dtype, rank, dims.
View readSlot(Reader& reader) {
  View view = {};
  view.dtype = readDType(reader, reader.word("dtype of a slot"));
  view.rank = readRank(reader, reader.word("rank of a slot"));
  readShape(reader, view);
  int64_t stride = 1;
  for (int i = view.rank - 1; i >= 0; --i) {
    view.strides[i] = stride;
    stride *= view.shape[i];
  }
  return view;
}

uint64_t bytesOf(Space space, const Plan& plan) {
  switch (space) {
    case Space::kArena:
      return plan.arenaBytes;
    case Space::kState:
      return plan.stateBytes;
    case Space::kConstant:
      return plan.constants.size() * sizeof(uint32_t);
  }
  return 0;
}

// No partial sum below may pass the bound: then extentOf, which adds the same terms, cannot overflow.
void checkReach(const Reader& reader, const View& view) {
  int64_t low = view.offset;
  int64_t high = view.offset;
  for (int i = 0; i < view.rank; ++i) {
    const int64_t steps = view.shape[i] - 1;
    if (steps > 0 && std::abs(view.strides[i]) > kMaxElements / steps) reader.fail("the view reaches too far");
    (view.strides[i] < 0 ? low : high) += view.strides[i] * steps;
    if (low < -kMaxElements || high > kMaxElements) reader.fail("the view reaches too far");
  }
  if (view.steps > 1 && std::abs(view.slide) > kMaxElements / (view.steps - 1)) reader.fail("the view slides too far");
}

int64_t readSteps(Reader& reader) {
  const uint32_t steps = reader.word("number of steps");
  if (steps == 0 || steps > INT32_MAX) reader.fail(std::to_string(steps) + " steps: expected 1 to 2147483647");
  return steps;
}

View readView(Reader& reader, const Plan& plan) {
  const uint32_t kind = reader.word("a view");
  const uint32_t space = kind & 0xff;
  if (space > STEEPEST_SPACES_CONSTANT) reader.fail("no space has the number " + std::to_string(space));
  View view = {};
  view.space = static_cast<Space>(space);
  view.dtype = readDType(reader, kind >> 8 & 0xff);
  view.rank = readRank(reader, kind >> 16 & ~(STEEPEST_SLIDING_VIEW >> 16));
  view.base = uint64_t{reader.word("base of a view")} * kUnit;
  view.offset = static_cast<int32_t>(reader.word("offset of a view"));
  if ((kind & STEEPEST_SLIDING_VIEW) != 0) {
    view.steps = readSteps(reader);
    view.slide = static_cast<int32_t>(reader.word("slide of a view"));
  }
  readShape(reader, view);
  for (int i = 0; i < view.rank; ++i) view.strides[i] = static_cast<int32_t>(reader.word("a stride"));
  checkReach(reader, view);
  const Extent extent = sweptExtentOf(view);
  const uint64_t bytes = bytesOf(view.space, plan);
  if (extent.first < 0 || static_cast<uint64_t>(extent.last) >= bytes) {
    reader.fail("the view " + describe(view) + " reaches bytes " + std::to_string(extent.first) + " to " +
                std::to_string(extent.last) + " of " + std::to_string(bytes) + " of the " + nameOf(view.space) +
                " space");
  }
  return view;
}

Step readStep(Reader& reader) {
  const uint32_t operation = reader.word("a step");
  const uint32_t destination = reader.word("destination of a step");
  const uint32_t operands = reader.word("operands of a step");
  if (operation >> 16 != 0 || destination > 0xff || operands >> 24 != 0) reader.fail("malformed step");
  Step step;
  step.op = static_cast<uint8_t>(operation);
  step.lanes = static_cast<uint8_t>(operation >> 8);
  step.dst = static_cast<uint8_t>(destination);
  for (int i = 0; i < 3; ++i) step.args[i] = static_cast<uint8_t>(operands >> (8 * i));
  for (uint32_t& immediate : step.immediates) immediate = reader.word("an immediate");
  return step;
}

Program readProgram(Reader& reader) {
  const uint32_t inputs = reader.word("inputs of a program");
  const uint32_t outputs = reader.word("outputs of a program");
  const uint32_t constants = reader.word("constants of a program");
  const uint32_t registers = reader.word("registers of a program");
  const uint32_t steps = reader.word("steps of a program");
  if (registers > STEEPEST_MAX_REGISTERS || inputs > registers || constants > registers - inputs) {
    reader.fail("a program of " + std::to_string(inputs) + " inputs and " + std::to_string(constants) +
                " constants in " + std::to_string(registers) + " registers, of at most " +
                std::to_string(STEEPEST_MAX_REGISTERS));
  }
  Program program;
  program.inputs = static_cast<int>(inputs);
  program.registers = static_cast<int>(registers);
  program.outputs.resize(reader.count(outputs, 1, "program outputs"));
  for (uint8_t& output : program.outputs) {
    const uint32_t r = reader.word("an output register");
    if (r >= registers) reader.fail("the program has no register " + std::to_string(r));
    output = static_cast<uint8_t>(r);
  }
  program.constants = reader.take(constants, "program constants");
  program.steps.resize(reader.count(steps, STEEPEST_STEP_WORDS, "program steps"));
  for (Step& step : program.steps) step = readStep(reader);
  return program;
}

bool isIdentity(const Program& program) {
  return program.inputs == 1 && program.registers == 1 && program.steps.empty() &&
         program.outputs == std::vector<uint8_t>{0};
}

// A product without an epilogue may leave its program out or pass the product through; both decode to no program.
void readProgramOf(Instruction& in, Reader& reader) {
  const bool bare = instructionInfo(in.opcode)->epilogue && in.attrs[0] == 0;
  if (bare && reader.left() == 0) return;
  in.program = readProgram(reader);
  if (!bare) return;
  if (!isIdentity(in.program)) reader.fail("a product without an epilogue has a program that does something");
  in.program = Program();
}

void checkCount(const Reader& reader, int expected, size_t got, const char* what) {
  if (expected >= 0 && static_cast<size_t>(expected) != got) {
    reader.fail("expected " + std::to_string(expected) + " " + what + ", got " + std::to_string(got));
  }
}

std::vector<View> readOperands(Reader& reader, size_t count, const std::vector<View>& views) {
  std::vector<View> result;
  result.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const uint32_t index = reader.word("an operand");
    if (index >= views.size()) reader.fail("there is no view " + std::to_string(index));
    result.push_back(views[index]);
  }
  return result;
}

// Where an instruction stands.
struct Context {
  Plan& plan;
  const std::vector<View>& views;
  uint32_t depth = 0;       // loops around it
  int64_t steps = 0;        // of the innermost of them
  int64_t repetitions = 1;  // in all
};

std::vector<Instruction> readInstructions(Reader& reader, uint32_t count, const Context& context);

void readBody(Instruction& in, Reader& reader, const Context& context) {
  if (context.depth == STEEPEST_MAX_DEPTH) {
    reader.fail("loops in loops: at most " + std::to_string(STEEPEST_MAX_DEPTH) + " levels");
  }
  Context inner = context;
  inner.depth = context.depth + 1;
  inner.steps = in.attrs[0];
  if (inner.steps == 0 || inner.steps > INT32_MAX / context.repetitions) {
    reader.fail(std::to_string(inner.steps) + " steps: expected 1 to " + std::to_string(INT32_MAX) + " in all");
  }
  inner.repetitions = context.repetitions * inner.steps;
  in.body = readInstructions(reader, in.attrs[1], inner);
  markSteady(in.body);
}

// Only loops move views, and only kernels that know how to. Bounds what is compared with everything else.
void checkSliding(const Instruction& in, const Context& context) {
  size_t sliding = 0;
  for (const std::vector<View>* operands : {&in.inputs, &in.outputs}) {
    for (const View& view : *operands) {
      if (view.steps == 0) continue;
      if (view.steps != context.steps) {
        throw PlanError("the view " + describe(view) + " slides in " + std::to_string(view.steps) +
                        " steps, the loop around it has " + std::to_string(context.steps));
      }
      ++sliding;
    }
  }
  size_t gaps = 0;
  for (const View& view : in.outputs) gaps += view.steps == 0 && !view.contiguous();
  if (sliding + gaps > kMaxSliding) {
    throw PlanError("at most " + std::to_string(kMaxSliding) + " operands can slide or be outputs with gaps");
  }
  if (sliding == 0) return;
  if (!instructionInfo(in.opcode)->slides) throw PlanError("operands of this instruction cannot slide");
}

void checkBorder(const Instruction& in, const Context& context) {
  const Opcode opcode = static_cast<Opcode>(in.opcode);
  if (context.depth > 0 && (opcode == Opcode::kFeed || opcode == Opcode::kFetch)) {
    throw PlanError("not allowed in a loop");
  }
}

Instruction readInstruction(Reader& whole, const Context& context) {
  const size_t start = whole.position();
  Instruction in;
  in.number = context.plan.count++;
  in.opcode = whole.word("an opcode");
  const InstructionInfo* info = instructionInfo(in.opcode);
  if (info == nullptr) whole.fail("no instruction has the number " + std::to_string(in.opcode));
  const uint32_t words = whole.word("length of an instruction");
  const size_t read = whole.position() - start;
  if (words < read || words - read > whole.left()) whole.fail("wrong length of an instruction");
  Reader reader = whole.part(words - read);

  const uint32_t inputs = reader.word("number of inputs");
  const uint32_t outputs = reader.word("number of outputs");
  checkCount(reader, info->inputs, inputs, "inputs");
  checkCount(reader, info->outputs, outputs, "outputs");
  in.inputs = readOperands(reader, reader.count(inputs, 1, "inputs"), context.views);
  in.outputs = readOperands(reader, reader.count(outputs, 1, "outputs"), context.views);
  in.attrs = reader.take(static_cast<size_t>(info->words), "attributes");
  if (info->program) readProgramOf(in, reader);
  if (in.opcode == static_cast<uint32_t>(Opcode::kLoop)) readBody(in, reader, context);
  if (reader.left() != 0) reader.fail("words are left over in the instruction");
  return in;
}

std::vector<Instruction> readInstructions(Reader& reader, uint32_t count, const Context& context) {
  std::vector<Instruction> instructions;
  instructions.reserve(reader.count(count, 4, "instructions"));
  for (uint32_t i = 0; i < count; ++i) {
    const size_t start = reader.position();
    instructions.push_back(readInstruction(reader, context));
    const Instruction& in = instructions.back();
    try {
      checkBorder(in, context);
      validateInstruction(in, context.plan);
      checkSliding(in, context);
      validateOverlap(in);
    } catch (const PlanError& error) {
      throw PlanError("plan, word " + std::to_string(start) + ", instruction " + std::to_string(i) + " (" +
                      instructionInfo(in.opcode)->name + "): " + error.what());
    }
  }
  return instructions;
}

// A slot that nothing fetches would hand the caller old memory.
void checkFetches(const Reader& reader, const Plan& plan) {
  std::vector<int> fetched(plan.fetches.size());
  for (const Instruction& in : plan.instructions) {
    if (in.opcode == static_cast<uint32_t>(Opcode::kFetch)) ++fetched[in.attrs[0]];
  }
  for (size_t i = 0; i < fetched.size(); ++i) {
    if (fetched[i] != 1) {
      reader.fail("slot " + std::to_string(i) + " is fetched " + std::to_string(fetched[i]) + " times, expected once");
    }
  }
}

}  // namespace

Plan decode(const uint32_t* words, size_t count) {
  Reader reader(words, count);
  Plan plan;
  const Header header = readHeader(reader, count, plan);
  plan.constants = reader.take(header.constants, "constants");

  plan.feeds.reserve(reader.count(header.feeds, 2, "feeds"));
  for (uint32_t i = 0; i < header.feeds; ++i) plan.feeds.push_back(readSlot(reader));
  plan.fetches.reserve(reader.count(header.fetches, 2, "fetches"));
  for (uint32_t i = 0; i < header.fetches; ++i) plan.fetches.push_back(readSlot(reader));

  std::vector<View> views;
  views.reserve(reader.count(header.views, 3, "views"));
  for (uint32_t i = 0; i < header.views; ++i) views.push_back(readView(reader, plan));

  plan.instructions = readInstructions(reader, header.instructions, {plan, views});
  if (reader.left() != 0) reader.fail("words are left over after the last instruction");
  checkFetches(reader, plan);
  markSteady(plan.instructions);
  return plan;
}

}  // namespace steepest
