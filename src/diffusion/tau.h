#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ddim::diffusion {

/// How the visited steps are spread over the T training steps. With i = 1..S, paper's t from 1:
enum class TauKind {
  /// floor(i T/S): the paper's D.2 with its constant c = T/S.
  linear,
  /// floor(i^2 T/S^2): the paper's D.2 with c = T/S^2. Where the low end would repeat or fall below
  /// the first step, an entry moves up to the next free one, so there are S distinct steps.
  quadratic,
  /// The official code's "uniform": range(0, T, T/S rounded down). It starts at 0, never reaches
  /// T-1, and holds more than S steps unless S is one of T's few fitting values.
  linear_code,
  /// The official code's "quad": floor(linspace(0, sqrt(0.8 T), S)^2), t from 0. It ends at 0.8 T;
  /// duplicates at the low end are left out, since such a step does nothing (alpha_bar_prev =
  /// alpha_bar).
  quadratic_code,
};

/// tau, the sub-sequence of training steps that a sampler visits.
struct Tau {
  std::vector<std::int64_t> steps;  ///< strictly increasing, in 0..T-1
  /// One sentence for the user when the list is not the `num_steps` steps that were asked for;
  /// otherwise empty.
  std::string note;
};

/// For `linear` and `quadratic` the list has exactly `num_steps` entries and ends at T-1.
/// Throws Error(user) unless 1 <= num_steps <= T.
Tau make_tau(TauKind kind, std::int64_t num_steps, std::int64_t T);

}  // namespace ddim::diffusion
