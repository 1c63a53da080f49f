// AVX-512 F, BW, CD, DQ and VL. Compiled with -march=skylake-avx512 -mprefer-vector-width=512.
#define STEEPEST_TARGET avx512
#define STEEPEST_WIDTH 16
#include "target.inl"
