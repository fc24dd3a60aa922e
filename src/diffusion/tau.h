#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ddim::diffusion {

/// How the visited steps are spread over the T training steps. With i = 1..S, paper's t from 1
/// (ours is one less):
enum class TauKind {
  /// floor(i T/S): the paper's D.2 with its constant c = T/S. Ends at T-1.
  linear,
  /// floor(i^2 T/S^2): the paper's D.2 with c = T/S^2. Where the low end would repeat or fall below
  /// the first step, an entry moves up to the next free one, so there are S distinct steps. Ends at
  /// T-1.
  quadratic,
  /// i T/S rounded to the nearest, halves up. Ends at T-1 ("trailing" of Lin et al. 2023).
  trailing,
  /// floor((i-1) T/S) in our t. Starts at 0.
  leading,
  /// (i-1) (T-1)/(S-1) in our t, rounded to the nearest, halves up. Starts at 0 and ends at T-1; a
  /// single step is T-1.
  linspace,
  /// Equal distances in log_snr from t = 0 to T-1: real numbers, made by make_trajectory(). A
  /// single
  /// step is T-1.
  log_snr,
  /// The official code's "uniform": range(0, T, T/S rounded down). It starts at 0, never reaches
  /// T-1, and holds more than S steps unless S is one of T's few fitting values.
  linear_code,
  /// The official code's "quad": floor(linspace(0, sqrt(0.8 T), S)^2), t from 0. It ends at 0.8 T;
  /// duplicates at the low end are left out, since such a step does nothing (alpha_bar_prev =
  /// alpha_bar).
  quadratic_code,
  /// The lists of diffusers' DDIMScheduler, number for number, for timestep_spacing "leading":
  /// arange(S) floor(T/S) + steps_offset, "trailing": round(arange(T, 0, -T/S)) - 1, "linspace":
  /// round(linspace(0, T-1, S)), halves to even. Each step leads to t - floor(T/S) whatever the
  /// next
  /// entry is, as that scheduler computes it.
  diffusers_leading,
  diffusers_trailing,
  diffusers_linspace,
};

/// Every kind, in the order above.
std::span<const TauKind> tau_kinds();

/// "linear", "log-snr", "quadratic-code", "diffusers-leading": how commands and recipes spell it.
std::string_view to_string(TauKind kind);

/// tau, the sub-sequence of training steps that a sampler visits.
struct Tau {
  std::vector<std::int64_t> steps;  ///< strictly increasing, in 0..T-1
  /// One sentence for the user when the list is not the `num_steps` steps that were asked for;
  /// otherwise empty.
  std::string note;
  /// Of diffusers' lists: a step at t leads to t - stride, below 0 to the clean image. Otherwise a
  /// step leads to the entry before it.
  std::optional<std::int64_t> stride = {};
};

/// For linear, quadratic, trailing, leading and linspace the list has exactly `num_steps` entries.
/// `steps_offset` belongs to diffusers_leading. Throws Error(user) unless 1 <= num_steps <= T, for
/// steps_offset of another kind, and when it takes an entry beyond T-1, where diffusers fails too.
Tau make_tau(TauKind kind, std::int64_t num_steps, std::int64_t T, std::int64_t steps_offset = 0);

}  // namespace ddim::diffusion
