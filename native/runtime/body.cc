// The loop instruction. Its kernels are bound once; between two steps, operands that are parts of sequences move on.
#include <vector>

#include "backend.h"
#include "sequence.h"

namespace steepest {
namespace {

bool slides(const Instruction& instruction) {
  for (const std::vector<View>* operands : {&instruction.inputs, &instruction.outputs}) {
    for (const View& view : *operands) {
      if (view.steps != 0) return true;
    }
  }
  return false;
}

class Body final : public Kernel {
 public:
  Body(const Instruction& loop, const Memory& memory, Backend& backend)
      : steps_(loop.attrs[0]), body_(loop.body, memory, backend) {
    for (size_t i = 0; i < loop.body.size(); ++i) {
      if (slides(loop.body[i])) moving_.push_back(body_.kernels()[i].get());
    }
  }

  void run(RunContext& context) override {
    body_.enter();
    for (int64_t step = 0;; ++step) {
      body_.run(context);
      if (context.isAbandoned()) return;  // nothing of this session runs again: views may stay where they are
      if (step + 1 == steps_) break;
      moveAll(1);
    }
    moveAll(1 - steps_);
  }

 private:
  void moveAll(int64_t steps) {
    for (Kernel* kernel : moving_) kernel->move(steps);
  }

  const int64_t steps_;
  Sequence body_;
  std::vector<Kernel*> moving_;
};

}  // namespace

std::unique_ptr<Kernel> bindLoop(const Instruction& instruction, const Memory& memory, Backend& backend) {
  return std::make_unique<Body>(instruction, memory, backend);
}

}  // namespace steepest
