#include "backend/cpu/isa.h"

#include <algorithm>

#include "base/environment.h"
#include "base/error.h"

namespace ddim::engine::cpu {
namespace {

#if defined(__aarch64__)
constexpr std::string_view kNames = "neon";
constexpr Isa kIsas[] = {Isa::neon};

Isa best_of_this_processor() { return Isa::neon; }
#else
constexpr std::string_view kNames = "sse4, avx2, avx512 or avx512_bf16";
constexpr Isa kIsas[] = {Isa::sse4, Isa::avx2, Isa::avx512, Isa::avx512_bf16};

Isa best_of_this_processor() {
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    return __builtin_cpu_supports("avx512bf16") ? Isa::avx512_bf16 : Isa::avx512;
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
  }
  return "";
}

Isa active_isa() {
  static const Isa isa = [] {
    const Isa best = best_of_this_processor();
    const auto wanted = environment("DDIM_ISA");
    return wanted ? std::min(best, parse(*wanted)) : best;
  }();
  return isa;
}

}  // namespace ddim::engine::cpu
