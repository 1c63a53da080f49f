#include "text.h"

#include <cstdio>
#include <cstring>

namespace steepest::cuda::emit {
namespace {

thread_local Text* current = nullptr;

constexpr const char* kPrefixes[] = {"%p", "%r", "%q", "%f", "%d"};
constexpr const char* kTypes[] = {"pred", "b32", "b64", "f32", "f64"};

std::string labelName(int label) { return "L" + std::to_string(label); }

const char* moveOf(Bank bank) {
  switch (bank) {
    case Bank::kPredicate:
      return "mov.pred";
    case Bank::kWord:
      return "mov.b32";
    case Bank::kLong:
      return "mov.b64";
    case Bank::kFloat:
      return "mov.f32";
    default:
      return "mov.f64";
  }
}

}  // namespace

Value word(uint32_t bits) { return {Value::Kind::kNumber, Bank::kWord, 0, bits}; }

Value real(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return {Value::Kind::kNumber, Bank::kFloat, 0, bits};
}

std::string text(const Value& value) {
  if (!value.known()) return kPrefixes[static_cast<int>(value.bank)] + std::to_string(value.number);
  char digits[32];
  switch (value.bank) {
    case Bank::kFloat:
      std::snprintf(digits, sizeof digits, "0f%08llX", static_cast<unsigned long long>(value.bits));
      break;
    case Bank::kDouble:
      std::snprintf(digits, sizeof digits, "0d%016llX", static_cast<unsigned long long>(value.bits));
      break;
    default:
      std::snprintf(digits, sizeof digits, value.bits < 0x10000 ? "%llu" : "0x%llx",
                    static_cast<unsigned long long>(value.bits));
  }
  return digits;
}

Text::Text() : outer_(current) { current = this; }
Text::~Text() { current = outer_; }
Text& Text::now() { return *current; }

Value Text::variable(Bank bank) { return {Value::Kind::kRegister, bank, counts_[static_cast<int>(bank)]++, 0}; }

Value Text::make(Bank bank, const char* op, std::initializer_list<Value> operands) {
  bool allKnown = operands.size() > 0;
  for (const Value& operand : operands) {
    if (operand.nothing()) return {};
    allKnown = allKnown && operand.known();
  }
  std::string list;
  for (const Value& operand : operands) {
    // An instruction has a register among its operands.
    Value from = operand;
    if (allKnown && &operand == operands.begin()) {
      from = variable(operand.bank);
      line((std::string(moveOf(operand.bank)) + " $, $;").c_str(), {from, operand});
    }
    list += ", " + text(from);
  }
  const Value to = variable(bank);
  body_ += std::string("\t") + op + " " + text(to) + list + ";\n";
  return to;
}

void Text::assign(const Value& variable, const Value& value) {
  line((std::string(moveOf(variable.bank)) + " $, $;").c_str(), {variable, value});
}

void Text::line(const char* format, std::initializer_list<Value> operands) {
  const Value* next = operands.begin();
  body_ += '\t';
  for (const char* c = format; *c != '\0'; ++c) {
    if (*c == '$') {
      body_ += text(*next++);
    } else {
      body_ += *c;
    }
  }
  body_ += '\n';
}

void Text::place(int label) { body_ += labelName(label) + ":\n"; }
void Text::branch(int label) { line(("bra " + labelName(label) + ";").c_str()); }
void Text::branchIf(const Value& predicate, int label) {
  line(("@$ bra " + labelName(label) + ";").c_str(), {predicate});
}
void Text::branchUnless(const Value& predicate, int label) {
  line(("@!$ bra " + labelName(label) + ";").c_str(), {predicate});
}

std::string Text::module(const Entry& entry) const {
  // What every driver from CUDA 11.0 on takes, for every GPU from sm_80 on. Clusters: 11.8 and sm_90.
  std::string all = entry.members == 1 ? ".version 7.0\n.target sm_80\n" : ".version 7.8\n.target sm_90\n";
  all += ".address_size 64\n\n";
  if (entry.launchesShare) all += ".extern .shared .align 16 .b8 shared[];\n";
  all += std::string(".visible .entry ") + entry.name + "(.param .align 8 .b8 arguments[" +
         std::to_string(entry.parameterBytes) + "])\n";
  all += ".maxntid " + std::to_string(entry.threads) + ", 1, 1\n";
  // Without it ptxas puts registers into memory so that more blocks fit, even where there are no more.
  if (entry.launchesFew) all += ".minnctapersm 1\n";
  if (entry.members > 1) all += ".explicitcluster\n.reqnctapercluster " + std::to_string(entry.members) + ", 1, 1\n";
  all += "{\n";
  for (int bank = 0; bank < 5; ++bank) {
    if (counts_[bank] == 0) continue;
    all +=
        std::string("\t.reg .") + kTypes[bank] + " " + kPrefixes[bank] + "<" + std::to_string(counts_[bank]) + ">;\n";
  }
  if (entry.sharedBytes > 0) all += "\t.shared .align 8 .b8 shared[" + std::to_string(entry.sharedBytes) + "];\n";
  return all + body_ + "}\n";
}

}  // namespace steepest::cuda::emit
