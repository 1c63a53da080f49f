#include "fiber.h"

#include <cstdint>

namespace steepest::emulated {
namespace {

thread_local Fiber* running = nullptr;

}  // namespace

Fiber* Fiber::current() { return running; }

#if defined(__x86_64__)

// Pushes what a function has to keep, stores the stack pointer at `from`, takes that of `to`, and pops.
extern "C" void steepestSwitch(void** from, void* to);
asm(R"(
.text
.type steepestSwitch, @function
steepestSwitch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size steepestSwitch, .-steepestSwitch
)");

Fiber::Fiber(void (*body)()) : stack_(new unsigned char[kStackBytes]) {
  // As if `body` had just been called: the stack is 8 off a multiple of 16 when a function begins.
  auto** top = reinterpret_cast<void**>(reinterpret_cast<uintptr_t>(stack_.get() + kStackBytes) & ~uintptr_t{15});
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(body);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  top_ = top;
}

void Fiber::enter() {
  running = this;
  steepestSwitch(&caller_, top_);
}

void Fiber::leave() {
  Fiber* const self = running;
  running = nullptr;
  steepestSwitch(&self->top_, self->caller_);
}

#else

Fiber::Fiber(void (*body)()) : stack_(new unsigned char[kStackBytes]) {
  getcontext(&own_);
  own_.uc_stack.ss_sp = stack_.get();
  own_.uc_stack.ss_size = kStackBytes;
  own_.uc_link = nullptr;
  makecontext(&own_, body, 0);
}

void Fiber::enter() {
  running = this;
  swapcontext(&caller_, &own_);
}

void Fiber::leave() {
  Fiber* const self = running;
  running = nullptr;
  swapcontext(&self->own_, &self->caller_);
}

#endif

}  // namespace steepest::emulated
