#pragma once

#include <ddim/sampler.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ddim::engine::diffusion {

/// tau, the sub-sequence of training steps that a sampler visits.
struct VisitedSteps {
  std::vector<std::int64_t> steps;  ///< strictly increasing, in 0..T-1
  /// One sentence for the user when the list is not the `num_steps` steps that were asked for;
  /// otherwise empty.
  std::string note;
  /// Of diffusers' lists: a step at t leads to t - stride, below 0 to the clean image. Otherwise a
  /// step leads to the entry before it.
  std::optional<std::int64_t> stride = {};
};

/// Error(user) unless 1 <= num_steps <= T.
void check_num_steps(std::int64_t num_steps, std::int64_t T);

/// For linear, quadratic, trailing, leading and linspace the list has exactly `num_steps` entries.
/// `steps_offset` belongs to diffusers_leading. Throws Error(user) unless 1 <= num_steps <= T, for
/// steps_offset of another kind, and when it takes an entry beyond T-1, where diffusers fails too.
VisitedSteps make_tau(TauKind kind, std::int64_t num_steps, std::int64_t T,
                      std::int64_t steps_offset = 0);

}  // namespace ddim::engine::diffusion
