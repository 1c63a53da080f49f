// What every CPU of the architecture has: SSE2 on x86-64, NEON on ARM64.
#define STEEPEST_TARGET baseline
#define STEEPEST_WIDTH 4
#include "target.inl"
