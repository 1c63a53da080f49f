// PTX as it is written: registers, instructions, and the module around them. Every register is written once, except those made by
// `variable`.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

namespace steepest::cuda::emit {

// Predicates, 32-bit and 64-bit words, float32, float64.
enum class Bank : uint8_t { kPredicate, kWord, kLong, kFloat, kDouble };

// An operand of an instruction: a register, or a number that is known now. Or nothing at all: instructions with such an
// operand are not written and give nothing.
struct Value {
  enum class Kind : uint8_t { kNothing, kNumber, kRegister };
  Kind kind = Kind::kNothing;
  Bank bank = Bank::kWord;
  uint32_t number = 0;  // of the register
  uint64_t bits = 0;    // of the number

  bool known() const { return kind == Kind::kNumber; }
  bool nothing() const { return kind == Kind::kNothing; }
};

Value word(uint32_t bits);
Value real(float value);

// What a module says of its kernel, which takes a struct of `parameterBytes` called `arguments` and has shared memory called `shared`.
struct Entry {
  const char* name;
  unsigned parameterBytes, threads;
  unsigned sharedBytes = 0;    // that every launch of it has
  bool launchesShare = false;  // a launch says how many bytes of it there are
  int members = 1;             // blocks of a cluster, which needs compute capability 9.0
  bool launchesFew = false;    // blocks, so that registers are better than more of them on a multiprocessor
};

class Text {
 public:
  Text();
  ~Text();
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;

  // The one being written on this thread, which all the functions that write instructions write to.
  static Text& now();

  // "op d, a, b;" with a fresh register d of the bank.
  Value make(Bank bank, const char* op, std::initializer_list<Value> operands);
  Value variable(Bank bank);
  void assign(const Value& variable, const Value& value);

  // A line as it is; $ in it stands for the operands, one after the other.
  void line(const char* format, std::initializer_list<Value> operands = {});
  // Registers of the bank without an instruction, for lines that make several.
  Value fresh(Bank bank) { return variable(bank); }
  int label() { return labels_++; }
  void place(int label);
  void branch(int label);
  void branchIf(const Value& predicate, int label);
  void branchUnless(const Value& predicate, int label);

  // The module with one kernel.
  std::string module(const Entry& entry) const;

 private:
  std::string body_;
  uint32_t counts_[5] = {};
  int labels_ = 0;
  Text* const outer_;
};

std::string text(const Value& value);

}  // namespace steepest::cuda::emit
