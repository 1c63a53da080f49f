// Reads PTX line by line. Every register has to be declared, of the type that an instruction wants, and written in a line before
// the one that reads it.
#include <cstdlib>
#include <map>

#include "ptx_text.h"

namespace steepest::emulated::ptx {
namespace {

constexpr char kLetters[] = "prqfd";
constexpr const char* kTypes[] = {"pred", "b32", "b64", "f32", "f64"};

Bank bankOfLetter(char upper) {
  switch (upper) {
    case 'P':
      return P;
    case 'R':
      return R;
    case 'Q':
      return Q;
    case 'F':
      return F;
    default:
      return D;
  }
}

class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) {}

  Kernel parse() {
    std::string line;
    next(&line);
    clusters_ = line == ".version 7.8";
    if (!clusters_ && line != ".version 7.0") fail("expected '.version 7.0' or 7.8, got '" + line + "'");
    expect(clusters_ ? ".target sm_90" : ".target sm_80");
    expect(".address_size 64");
    header();
    line.clear();
    for (bool declaring = true; next(&line) && line != "}";) {
      if (declaring && line[0] == '.') {
        declaration(line);
        continue;
      }
      if (declaring) layOut();
      declaring = false;
      if (line.back() == ':') {
        const std::string name = line.substr(0, line.size() - 1);
        if (!labels_.emplace(name, kernel_.instructions.size()).second) fail("the label " + name + " again");
      } else {
        instruction(line);
      }
    }
    if (line != "}") fail("the end of the kernel is missing");
    if (next(&line)) fail("something behind the kernel");
    if (kernel_.instructions.empty() || kernel_.instructions.back().kind != Kind::kReturn) fail("no ret at the end");
    for (auto& [at, name] : branches_) {
      const auto found = labels_.find(name);
      line_ = kernel_.instructions[at].line;
      if (found == labels_.end()) fail("there is no label " + name);
      kernel_.instructions[at].target = static_cast<uint32_t>(found->second);
    }
    return std::move(kernel_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error("line " + std::to_string(line_) + ": " + what);
  }

  // The next line that is not empty, without spaces around it.
  bool next(std::string* line) {
    while (at_ < text_.size()) {
      size_t end = text_.find('\n', at_);
      if (end == std::string::npos) end = text_.size();
      size_t begin = at_, last = end;
      while (begin < last && (text_[begin] == ' ' || text_[begin] == '\t')) ++begin;
      while (last > begin && (text_[last - 1] == ' ' || text_[last - 1] == '\t')) --last;
      at_ = end + 1;
      ++line_;
      if (begin == last) continue;
      *line = text_.substr(begin, last - begin);
      return true;
    }
    return false;
  }
  void expect(const std::string& wanted) {
    std::string line;
    if (!next(&line) || line != wanted) fail("expected '" + wanted + "', got '" + line + "'");
  }

  void header() {
    std::string line;
    next(&line);
    kernel_.launchesShare = line == ".extern .shared .align 16 .b8 shared[];";
    if (kernel_.launchesShare) next(&line);
    char name[64] = "";
    int end = 0;
    if (std::sscanf(line.c_str(), ".visible .entry %63[a-zA-Z0-9_](.param .align 8 .b8 arguments[%u])%n", name,
                    &kernel_.parameterBytes, &end) != 2 ||
        static_cast<size_t>(end) != line.size()) {
      fail("expected an entry, got '" + line + "'");
    }
    if (kernel_.parameterBytes > 4096) fail("more than 4096 bytes of parameters");
    kernel_.name = name;
    next(&line);
    if (std::sscanf(line.c_str(), ".maxntid %u, 1, 1", &kernel_.mostThreads) != 1) fail("expected .maxntid");
    next(&line);
    if (line == ".minnctapersm 1") next(&line);  // for the assembler
    if (clusters_) {
      if (line != ".explicitcluster") fail("expected .explicitcluster, got '" + line + "'");
      next(&line);
      if (std::sscanf(line.c_str(), ".reqnctapercluster %u, 1, 1", &kernel_.members) != 1 || kernel_.members < 1 || kernel_.members > 8) {
        fail("expected .reqnctapercluster, and not more than 8");
      }
      next(&line);
    }
    if (line != "{") fail("expected '{', got '" + line + "'");
  }

  void declaration(const std::string& line) {
    char type[8] = "", letter = 0;
    unsigned count = 0;
    if (std::sscanf(line.c_str(), ".reg .%7[a-z0-9] %%%c<%u>;", type, &letter, &count) == 3) {
      for (int bank = 0; bank < 5; ++bank) {
        if (letter != kLetters[bank]) continue;
        if (std::string(type) != kTypes[bank]) break;
        counts_[bank] = count;
        return;
      }
    } else if (std::sscanf(line.c_str(), ".shared .align 8 .b8 shared[%u];", &count) == 1) {
      kernel_.sharedBytes = count;
      return;
    }
    fail("no such declaration: '" + line + "'");
  }
  void layOut() {
    for (int bank = 0; bank < 5; ++bank) {
      firsts_[bank] = kernel_.registers;
      kernel_.registers += counts_[bank];
    }
    written_.assign(kernel_.registers, false);
  }

  // ---- pieces of an instruction, from here_ on

  void skip() {
    while (here_ < now_.size() && now_[here_] == ' ') ++here_;
  }
  bool take(char c) {
    skip();
    if (here_ >= now_.size() || now_[here_] != c) return false;
    ++here_;
    return true;
  }
  void want(char c) {
    if (!take(c)) fail(std::string("expected '") + c + "' in '" + now_ + "'");
  }
  std::string token() {
    skip();
    const size_t begin = here_;
    while (here_ < now_.size() && std::string(" ,;[]{}+").find(now_[here_]) == std::string::npos) ++here_;
    return now_.substr(begin, here_ - begin);
  }

  bool isRegister(const std::string& word) const {
    return word.size() > 2 && word[0] == '%' && std::string(kLetters).find(word[1]) != std::string::npos &&
           word.find_first_not_of("0123456789", 2) == std::string::npos;
  }
  // The register's number among all; it has to be of the bank.
  uint32_t registerOf(const std::string& word, Bank bank) const {
    if (!isRegister(word)) fail("expected a register, got '" + word + "'");
    if (word[1] != kLetters[bank]) fail(word + " is not of type " + kTypes[bank]);
    const unsigned long n = std::strtoul(word.c_str() + 2, nullptr, 10);
    if (n >= counts_[bank]) fail(word + " is not declared");
    return firsts_[bank] + static_cast<uint32_t>(n);
  }
  Bank bankOf(const std::string& word) const {
    if (isRegister(word)) {
      for (int bank = 0; bank < 5; ++bank) {
        if (word[1] == kLetters[bank]) return static_cast<Bank>(bank);
      }
    }
    fail("expected a register, got '" + word + "'");
  }
  uint32_t target(Bank bank) { return targetOf(token(), bank); }
  uint32_t targetOf(const std::string& word, Bank bank) {
    const uint32_t number = registerOf(word, bank);
    writes_.push_back(number);
    return number;
  }
  uint32_t read(const std::string& word, Bank bank) const {
    const uint32_t number = registerOf(word, bank);
    if (!written_[number]) fail(word + " is read before it is written");
    return number;
  }
  Source source(Bank bank) { return sourceOf(token(), bank); }
  Source sourceOf(const std::string& word, Bank bank) const {
    Source from;
    if (!word.empty() && word[0] == '%') {
      from.number = read(word, bank);
      return from;
    }
    from.known = true;
    char* end = nullptr;
    if (bank == F || bank == D) {
      const size_t digits = bank == F ? 8 : 16;
      if (word.size() != digits + 2 || word[0] != '0' || word[1] != (bank == F ? 'f' : 'd')) {
        fail("'" + word + "' is no number of type " + kTypes[bank]);
      }
      from.bits = std::strtoull(word.c_str() + 2, &end, 16);
    } else {
      if (bank == P || word.empty()) fail("'" + word + "' where a predicate belongs");
      from.bits = std::strtoull(word.c_str(), &end, 0);
      if (bank == R && from.bits >> 32 != 0) fail("'" + word + "' has more than 32 bits");
    }
    if (*end != '\0') fail("'" + word + "' is no number");
    return from;
  }

  void instruction(const std::string& line) {
    now_ = line;
    here_ = 0;
    writes_.clear();
    Instruction in;
    in.line = line_;
    if (take('@')) {
      in.conditional = true;
      in.negated = take('!');
      in.from[0] = source(P);
      if (in.from[0].known) fail("a number where a predicate belongs");
    }
    const std::string name = token();
    if (arrived_ && name != "barrier.cluster.wait") fail("expected to wait for the cluster");
    if (in.conditional && name != "bra") fail("a predicate on " + name);
    if (name == "bra") {
      in.kind = Kind::kBranch;
      branches_.emplace_back(kernel_.instructions.size(), token());
    } else if (name == "ret") {
      in.kind = Kind::kReturn;
    } else if (name == "bar.sync") {
      in.kind = Kind::kBarrier;
      if (token() != "0") fail("expected barrier 0");
    } else if (name == "barrier.cluster.arrive") {
      if (!clusters_) fail("there are no clusters here");
      arrived_ = true;
      want(';');
      return;
    } else if (name == "barrier.cluster.wait") {
      if (!arrived_) fail("waiting for a cluster without arriving");
      arrived_ = false;
      in.kind = Kind::kCluster;
    } else if (name == "atom.release.gpu.global.add.u32" || name == "atom.acq_rel.gpu.global.add.u32" || name == "atom.global.cas.b32") {
      atomic(name == "atom.global.cas.b32", &in);
    } else if (name == "ld.acquire.gpu.global.b32") {
      memory("ld.global.b32", &in);
      in.kind = Kind::kAcquire;
    } else if (name.rfind("ld.", 0) == 0 || name.rfind("st.", 0) == 0) {
      memory(name, &in);
    } else if (name == "shfl.sync.bfly.b32") {
      in.kind = Kind::kShuffle;
      in.to = target(R);
      want(',');
      in.from[0] = source(R);
      want(',');
      in.from[1] = source(R);
      want(',');
      if (token() != "31") fail("expected a whole warp");
      want(',');
      if (token() != "0xffffffff") fail("expected all lanes");
      if (!in.from[1].known || in.from[1].bits > 31) fail("expected a number of lanes");
    } else if (name.rfind("mov.", 0) == 0 && moves(name, &in)) {
      // done
    } else {
      const Operation* const operation = findOperation(name);
      if (operation == nullptr) fail("unknown instruction " + name);
      in.run = operation->run;
      in.to = target(operation->to);
      for (int k = 0; operation->from[k] != '\0'; ++k) {
        want(',');
        in.from[k] = source(bankOfLetter(operation->from[k]));
      }
    }
    want(';');
    if (here_ != now_.size()) fail("something behind '" + now_.substr(0, here_) + "'");
    for (const uint32_t number : writes_) written_[number] = true;
    kernel_.instructions.push_back(in);
  }

  // Moves between banks, of special registers, and of halves. False for one that is an ordinary operation.
  bool moves(const std::string& name, Instruction* in) {
    static const Loop copy = findOperation("mov.f64")->run;
    if (name == "mov.u32") {
      in->kind = Kind::kSpecial;
      in->to = target(R);
      want(',');
      const std::string from = token();
      static const std::map<std::string, uint64_t> names = {
          {"%tid.x", 0}, {"%ctaid.x", 1}, {"%nctaid.x", 2}, {"%ntid.x", 3}};
      const auto found = names.find(from);
      if (found == names.end()) fail("there is no " + from);
      in->offset = static_cast<int64_t>(found->second);
      return true;
    }
    if (name == "mov.u64") {
      in->to = target(Q);
      want(',');
      if (token() != "shared" || (kernel_.sharedBytes == 0 && !kernel_.launchesShare)) fail("expected the address of shared memory");
      in->run = copy;
      in->from[0].known = true;
      return true;
    }
    if (name != "mov.b32" && name != "mov.b64") return false;
    const bool wide = name == "mov.b64";
    if (wide && take('{')) {
      in->kind = Kind::kUnpack;
      in->elements[0] = target(R);
      want(',');
      in->elements[1] = target(R);
      want('}');
      want(',');
      const std::string from = token();
      in->from[0] = sourceOf(from, bankOf(from) == D ? D : Q);
      return true;
    }
    const std::string word = token();
    const Bank bank = bankOf(word);
    const bool real = bank == (wide ? D : F);
    in->to = targetOf(word, real ? bank : wide ? Q : R);
    want(',');
    if (wide && take('{')) {
      in->kind = Kind::kPack;
      in->from[0] = source(R);
      want(',');
      in->from[1] = source(R);
      want('}');
      return true;
    }
    const std::string from = token();
    const bool fromReal = isRegister(from) && bankOf(from) == (wide ? D : F);
    in->from[0] = sourceOf(from, fromReal ? (wide ? D : F) : (wide ? Q : R));
    in->run = copy;
    return true;
  }

  void atomic(bool exchanges, Instruction* in) {
    in->kind = exchanges ? Kind::kExchange : Kind::kAdd;
    in->bytes = 4;
    in->to = target(R);
    want(',');
    want('[');
    in->from[0].number = read(token(), Q);
    want(']');
    for (int k = 1; k < (exchanges ? 3 : 2); ++k) {
      want(',');
      in->from[k] = source(R);
    }
  }

  void memory(const std::string& name, Instruction* in) {
    std::vector<std::string> parts;
    for (size_t begin = 0; begin <= name.size();) {
      const size_t end = std::min(name.find('.', begin), name.size());
      parts.push_back(name.substr(begin, end - begin));
      begin = end + 1;
    }
    const bool loads = parts[0] == "ld";
    in->kind = loads ? Kind::kLoad : Kind::kStore;
    if (parts.size() == 4 && (parts[2] == "v4" || parts[2] == "v2")) {
      in->count = parts[2] == "v4" ? 4 : 2;
    } else if (parts.size() != 3) {
      fail("unknown instruction " + name);
    }
    const std::string& type = parts.back();
    static const std::map<std::string, std::pair<Bank, uint8_t>> types = {
        {"b32", {R, 4}}, {"b64", {Q, 8}}, {"f32", {F, 4}}, {"f64", {D, 8}}, {"u8", {R, 1}}, {"s8", {R, 1}}, {"u16", {R, 2}}};
    const auto found = types.find(type);
    if (found == types.end() || (in->count > 1 && found->second.second != 4)) fail("unknown instruction " + name);
    const Bank bank = found->second.first;
    in->bytes = found->second.second;
    in->isSigned = type == "s8";
    if (parts[1] == "param" && loads) {
      in->space = Space::kParameters;
    } else if (parts[1] == "shared") {
      in->space = Space::kShared;
    } else if (parts[1] != "global") {
      fail("unknown instruction " + name);
    }
    const auto address = [&] {
      want('[');
      const std::string base = token();
      if (in->space == Space::kParameters) {
        if (base != "arguments") fail("there is no parameter " + base);
        in->from[0].known = true;
      } else {
        in->from[0].number = read(base, Q);
      }
      if (take('+')) in->offset = std::strtoll(token().c_str(), nullptr, 10);
      want(']');
    };
    const auto elements = [&] {
      if (in->count > 1) want('{');
      for (int k = 0; k < in->count; ++k) {
        if (k > 0) want(',');
        const std::string word = token();
        if (loads) {
          in->elements[k] = targetOf(word, bank);
        } else {
          const Source from = sourceOf(word, bank);
          in->elements[k] = from.number;
          if (from.known) fail("storing a number that is no register");
        }
      }
      if (in->count > 1) want('}');
    };
    if (loads) {
      elements();
      want(',');
      address();
    } else {
      address();
      want(',');
      elements();
    }
  }

  const std::string& text_;
  size_t at_ = 0;
  int line_ = 0;
  Kernel kernel_;
  uint32_t counts_[5] = {}, firsts_[5] = {};
  std::vector<bool> written_;
  std::map<std::string, size_t> labels_;
  std::vector<std::pair<size_t, std::string>> branches_;
  std::string now_;
  size_t here_ = 0;
  bool clusters_ = false, arrived_ = false;
  std::vector<uint32_t> writes_;
};

}  // namespace

Kernel parse(const std::string& text) { return Parser(text).parse(); }

}  // namespace steepest::emulated::ptx
