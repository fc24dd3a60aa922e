#pragma once

#include "diffusion/samplers/route.h"

namespace ddim::engine::diffusion {

/// The stages of one step of a Runge-Kutta method for dy = eps ds along `leg`, which must not end
/// at the clean image. The first stage keeps its eps, that of the leg's beginning, in `first_slot`;
/// the others use the last slots.
///
/// Heun's method: k1 at s, k2 at s_prev; y + h (k1 + k2) / 2. Local error h^3.
void append_heun(const Route& route, const Leg& leg, std::size_t first_slot,
                 std::vector<PlanStep>& steps);
/// Kutta's: k1 at s, k2 in the middle, k3 at s_prev from y + h (2 k2 - k1);
/// y + h (k1 + 4 k2 + k3) / 6. Local error h^4.
void append_kutta(const Route& route, const Leg& leg, std::size_t first_slot,
                  std::vector<PlanStep>& steps);

}  // namespace ddim::engine::diffusion
