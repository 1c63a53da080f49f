// AVX2 and FMA. Compiled with -mavx2 -mfma.
#define STEEPEST_TARGET avx2
#define STEEPEST_WIDTH 8
#include "target.inl"
