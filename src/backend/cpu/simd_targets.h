#pragma once

// Which instruction sets the *_simd.cpp files are compiled for: NEON on aarch64; SSE4, AVX2 and
// AVX-512 (Highway's AVX3) on x86. Each of these files includes this header before anything of
// Highway.
#if defined(__aarch64__)
#define HWY_DISABLED_TARGETS (HWY_NEON - 1)  // better targets have lower bits
#else
// The baseline is declared to be SSE4, not what the compiler was told (plain x86-64), so that no
// scalar fallback is built. isa.cpp refuses a processor without SSE4.
#define HWY_BASELINE_TARGETS HWY_SSE4
#define HWY_DISABLED_TARGETS (HWY_AVX3 - 1)
#endif
