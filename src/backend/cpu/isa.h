#pragma once

#include <string_view>

namespace ddim::engine::cpu {

/// Instruction sets that there are kernels for: neon on aarch64, the others on x86, the least
/// first. avx512 means F, CD, BW, DQ and VL; avx512_bf16 multiplies bf16 too, amx_bf16 in tiles,
/// and both are otherwise the same.
enum class Isa { neon, sse4, avx2, avx512, avx512_bf16, amx_bf16 };

std::string_view to_string(Isa isa);

/// The best set that this processor has, or what the environment variable DDIM_ISA names if that is
/// less. A constant of the process, not of a device: oneDNN and Highway fix their choice for the
/// whole process at first use, so the environment is read once and a later change has no effect.
/// Throws Error(user) when DDIM_ISA is no set of this architecture, and when an x86 processor has
/// not even SSE4.2.
Isa active_isa();

}  // namespace ddim::engine::cpu
