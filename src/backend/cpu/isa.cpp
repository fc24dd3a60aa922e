#include "backend/cpu/isa.h"

#include <algorithm>

#if !defined(__aarch64__)
#include "backend/cpu/bf16_x86.h"
#endif
#include "base/environment.h"
#include "base/error.h"

namespace ddim::engine::cpu {
namespace {

#if defined(__aarch64__)
constexpr std::string_view kNames = "neon";
constexpr Isa kIsas[] = {Isa::neon};

Isa best_of_this_processor() { return Isa::neon; }
#else
constexpr std::string_view kNames = "sse4, avx2, avx512, avx512_bf16 or amx_bf16";
constexpr Isa kIsas[] = {Isa::sse4, Isa::avx2, Isa::avx512, Isa::avx512_bf16, Isa::amx_bf16};

Isa best_of_this_processor() {
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    if (!__builtin_cpu_supports("avx512bf16")) return Isa::avx512;
    return __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16")
               ? Isa::amx_bf16
               : Isa::avx512_bf16;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::avx2;
  require(__builtin_cpu_supports("sse4.2") != 0,
          "cpu backend: this processor has no SSE4.2; ddim needs at least that");
  return Isa::sse4;
}
#endif

Isa parse(std::string_view name) {
  for (const Isa isa : kIsas) {
    if (name == to_string(isa)) return isa;
  }
  fail(ErrorCode::user, "DDIM_ISA is \"", name, "\"; on this architecture it must be ", kNames,
       ", or unset");
}

}  // namespace

std::string_view to_string(Isa isa) {
  switch (isa) {
    case Isa::neon:
      return "neon";
    case Isa::sse4:
      return "sse4";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::avx512_bf16:
      return "avx512_bf16";
    case Isa::amx_bf16:
      return "amx_bf16";
  }
  return "";
}

Isa active_isa() {
  static const Isa isa = [] {
    Isa best = best_of_this_processor();
    if (const auto wanted = environment("DDIM_ISA")) best = std::min(best, parse(*wanted));
#if !defined(__aarch64__)
    if (best == Isa::amx_bf16 && !bf16::allow_amx()) best = Isa::avx512_bf16;
#endif
    return best;
  }();
  return isa;
}

}  // namespace ddim::engine::cpu
