#include "blas.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "../runtime/matmul_problem.h"
#include "scratch.h"
#include "simd/table.h"
#include "tile.h"

namespace steepest {
namespace {

// cblas_sgemm with 32-bit integers, as every library here has it.
using Sgemm = void (*)(int order, int transA, int transB, int m, int n, int k, float alpha, const float* a, int lda,
                       const float* b, int ldb, float beta, float* c, int ldc);
constexpr int kRowMajor = 101, kNoTranspose = 111, kTranspose = 112;

struct Blas {
  std::string name;
  Sgemm sgemm = nullptr;
};

constexpr const char* kCandidates[] = {
#if defined(__APPLE__)
    "/System/Library/Frameworks/Accelerate.framework/Accelerate",
    "libopenblas.dylib",
#else
    "libopenblas.so.0",
    "libmkl_rt.so.2",
    "libmkl_rt.so.1",
    "libmkl_rt.so",
#endif
};

// OpenBLAS knows CPUs by model and takes one it does not know for an old one; the name can be given before it loads.
void nameOpenBlasCore() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
    setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
  }
#endif
}

// Adds what went wrong to `tried`.
bool load(const char* path, Blas* blas, std::string* tried) {
  // Never unloaded: its threads outlive every caller.
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* error = dlerror();
    *tried += std::string("\n  ") + path + ": " + (error ? error : "cannot be loaded");
    return false;
  }
  blas->sgemm = reinterpret_cast<Sgemm>(dlsym(library, "cblas_sgemm"));
  if (!blas->sgemm) {
    *tried += std::string("\n  ") + path + ": has no cblas_sgemm";
    return false;
  }
  blas->name = path;
  using SetThreads = void (*)(int);
  for (const char* symbol : {"openblas_set_num_threads", "MKL_Set_Num_Threads"}) {
    if (auto* set = reinterpret_cast<SetThreads>(dlsym(library, symbol))) set(Threads::pool().count());
  }
  return true;
}

Blas find(const std::string& choice) {
  Blas blas;
  if (choice.empty() || choice == "own") return blas;
  nameOpenBlasCore();
  std::string tried;
  if (choice == "auto") {
    for (const char* path : kCandidates) {
      if (load(path, &blas, &tried)) return blas;
    }
  } else if (load(choice.c_str(), &blas, &tried)) {
    return blas;
  }
  throw std::runtime_error("no BLAS for '" + choice + "' ('own', 'auto' or the path of a library); tried:" + tried);
}

std::mutex mutex;
// Instructions and blasName() keep pointers to what was selected: nothing is ever removed.
const Blas* selected = nullptr;

const Blas& current() {
  std::lock_guard<std::mutex> lock(mutex);
  if (!selected) {
    const char* choice = std::getenv("STEEPEST_BLAS");
    selected = new Blas(find(choice ? choice : "own"));
  }
  return *selected;
}

// How a BLAS reads a matrix of rows x columns with these strides.
struct Operand {
  int transposed, ld;
};
bool operandOf(int64_t rows, int64_t columns, int64_t row, int64_t column, Operand* operand) {
  constexpr int64_t kMax = INT32_MAX;
  if ((column == 1 || columns == 1) && (rows == 1 || (row >= columns && row <= kMax))) {
    *operand = {kNoTranspose, static_cast<int>(rows == 1 ? columns : row)};
    return true;
  }
  if ((row == 1 || rows == 1) && (columns == 1 || (column >= rows && column <= kMax))) {
    *operand = {kTranspose, static_cast<int>(columns == 1 ? rows : column)};
    return true;
  }
  return false;
}

class BlasMatmul final : public Kernel {
 public:
  BlasMatmul(const Blas& blas, const MatmulProblem& problem, Operand a, Operand b, const Instruction& instruction,
             const Memory& memory)
      : sgemm_(blas.sgemm), p_(problem), a_(a), b_(b) {
    if (instruction.attrs[0] == 1) {
      epilogue_ = bindEpilogue(instruction, 2, memory);
      product_ = Floats(memory, p_.m * p_.n);
    } else {
      c_ = memory.at<float>(instruction.outputs[0]);
      cSlide_ = slideOf(instruction.outputs[0]);
    }
  }

  void run(RunContext& context) override {
    const int m = static_cast<int>(p_.m), n = static_cast<int>(p_.n), k = static_cast<int>(p_.k);
    for (int64_t item = 0; item < p_.batches; ++item) {
      float* c = epilogue_ ? product_.data() : c_ + item * p_.m * p_.n;
      sgemm_(kRowMajor, a_.transposed, b_.transposed, m, n, k, 1, (p_.a + p_.aOffset(item)).floats(), a_.ld,
             (p_.b + p_.bOffset(item)).floats(), b_.ld, 0, c, n);
      if (epilogue_) finish(context.threads, item);
    }
  }

  void move(int64_t steps) override {
    p_.move(steps);
    if (epilogue_) return epilogue_->move(steps);
    c_ = moved(c_, steps * cSlide_);
  }

 private:
  void finish(Threads& threads, int64_t item) {
    constexpr int64_t kFloats = 1 << 14;  // of a chunk
    const int64_t rows = p_.transposed ? p_.n : p_.m, columns = p_.transposed ? 1 : p_.n;
    const int64_t each = std::max<int64_t>(1, kFloats / columns);
    threads.each((rows + each - 1) / each, [&, this](int64_t chunk) {
      const int64_t row = chunk * each;
      epilogue_->run(product_.data() + row * columns, columns, item * rows + row, std::min(each, rows - row), 0,
                     columns);
    });
  }

  const Sgemm sgemm_;
  MatmulProblem p_;
  const Operand a_, b_;
  float* c_ = nullptr;
  int64_t cSlide_ = 0;  // bytes, with every step of a loop
  std::unique_ptr<Epilogue> epilogue_;
  Floats product_;
};

}  // namespace

void selectBlas(const std::string& choice) {
  const Blas* blas = new Blas(find(choice));
  std::lock_guard<std::mutex> lock(mutex);
  selected = blas;
}

const char* blasName() {
  const Blas& blas = current();
  return blas.sgemm ? blas.name.c_str() : nullptr;
}

std::unique_ptr<Kernel> bindBlasMatmul(const Instruction& instruction, const Memory& memory) {
  const Blas& blas = current();
  // A BLAS does not round its operands.
  if (!blas.sgemm || roundsToBfloat16(instruction)) return nullptr;
  const MatmulProblem p = matmulProblem(instruction, memory);
  Operand a, b;
  if (p.k == 0 || std::max({p.m, p.n, p.k}) > INT32_MAX || !operandOf(p.m, p.k, p.aRow, p.aDepth, &a) ||
      !operandOf(p.k, p.n, p.bDepth, p.bColumn, &b)) {
    return nullptr;
  }
  return std::make_unique<BlasMatmul>(blas, p, a, b, instruction, memory);
}

}  // namespace steepest
