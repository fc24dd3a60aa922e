#include "diffusion/tau.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "diffusion/schedule.h"

namespace ddim::engine::diffusion {
namespace {

// The paper's lists are made in integers: floor(c i) in floating point misses by one for some S.

std::vector<std::int64_t> linear(std::int64_t S, std::int64_t T) {
  std::vector<std::int64_t> tau;
  for (std::int64_t i = 1; i <= S; ++i) tau.push_back(i * T / S - 1);
  return tau;
}

std::vector<std::int64_t> quadratic(std::int64_t S, std::int64_t T) {
  std::vector<std::int64_t> tau;
  std::int64_t previous = -1;
  for (std::int64_t i = 1; i <= S; ++i) {
    // i^2 T stays below 2^63 with T <= Schedule::kMaxSteps. Moving up cannot push the end past
    // T-1: the S-i steps that follow fit into T - i^2 T/S^2 as long as S <= T.
    const std::int64_t exact = i * i * T / (S * S) - 1;
    previous = std::max(exact, previous + 1);
    tau.push_back(previous);
  }
  return tau;
}

std::vector<std::int64_t> trailing(std::int64_t S, std::int64_t T) {
  std::vector<std::int64_t> tau;
  for (std::int64_t i = 1; i <= S; ++i) tau.push_back((2 * i * T + S) / (2 * S) - 1);
  return tau;
}

std::vector<std::int64_t> leading(std::int64_t S, std::int64_t T) {
  std::vector<std::int64_t> tau;
  for (std::int64_t i = 0; i < S; ++i) tau.push_back(i * T / S);
  return tau;
}

std::vector<std::int64_t> linspace(std::int64_t S, std::int64_t T) {
  if (S == 1) return {T - 1};
  std::vector<std::int64_t> tau;
  for (std::int64_t i = 0; i < S; ++i) tau.push_back((2 * i * (T - 1) + (S - 1)) / (2 * (S - 1)));
  return tau;
}

std::vector<std::int64_t> linear_code(std::int64_t S, std::int64_t T) {
  std::vector<std::int64_t> tau;
  for (std::int64_t t = 0; t < T; t += T / S) tau.push_back(t);
  return tau;
}

std::vector<std::int64_t> quadratic_code(std::int64_t S, std::int64_t T) {
  const double end = std::sqrt(static_cast<double>(T) * 0.8);
  const double distance = S > 1 ? end / static_cast<double>(S - 1) : 0.0;
  std::vector<std::int64_t> tau;
  for (std::int64_t i = 0; i < S; ++i) {
    const double root = i > 0 && i == S - 1 ? end : static_cast<double>(i) * distance;
    tau.push_back(static_cast<std::int64_t>(root * root));
  }
  tau.erase(std::unique(tau.begin(), tau.end()), tau.end());
  return tau;
}

std::vector<std::int64_t> diffusers_leading(std::int64_t S, std::int64_t T, std::int64_t offset) {
  std::vector<std::int64_t> tau;
  for (std::int64_t i = 0; i < S; ++i) tau.push_back(i * (T / S) + offset);
  require(tau.back() < T, "tau: diffusers-leading with ", S, " steps and steps_offset ", offset,
          " goes up to t = ", tau.back(), "; expected at most ", T - 1,
          ". diffusers fails here too; use fewer steps, a smaller offset, or the tau leading");
  return tau;
}

// As numpy.arange fills its array: the first two values give the distance, and so many fit.
std::vector<std::int64_t> diffusers_trailing(std::int64_t S, std::int64_t T) {
  const auto start = static_cast<double>(T);
  const double step = -(start / static_cast<double>(S));
  const double distance = (start + step) - start;
  const auto length = static_cast<std::int64_t>(std::ceil((0.0 - start) / step));
  std::vector<std::int64_t> tau;
  for (std::int64_t i = length; i-- > 0;) {
    const double value = start + static_cast<double>(i) * distance;
    tau.push_back(static_cast<std::int64_t>(std::nearbyint(value)) - 1);
  }
  return tau;
}

std::vector<std::int64_t> diffusers_linspace(std::int64_t S, std::int64_t T) {
  const auto end = static_cast<double>(T - 1);
  const double distance = S > 1 ? end / static_cast<double>(S - 1) : 0.0;
  std::vector<std::int64_t> tau;
  for (std::int64_t i = 0; i < S; ++i) {
    const double value = i > 0 && i == S - 1 ? end : static_cast<double>(i) * distance;
    tau.push_back(static_cast<std::int64_t>(std::nearbyint(value)));
  }
  return tau;
}

VisitedSteps of_diffusers(std::vector<std::int64_t> steps, std::int64_t S, std::int64_t T) {
  VisitedSteps tau{.steps = std::move(steps), .note = "", .stride = T / S};
  // Rounding lets numpy.arange run one value further for some S: a step at t = -1.
  if (tau.steps.front() < 0) {
    tau.steps.erase(tau.steps.begin());
    tau.note = concat("diffusers-trailing: diffusers' list for ", S,
                      " steps has one more, at t = -1, which is omitted");
  }
  for (std::size_t i = 1; i < tau.steps.size() && tau.note.empty(); ++i) {
    if (tau.steps[i] - tau.steps[i - 1] == *tau.stride) continue;
    tau.note =
        concat("as diffusers computes it, the step at t = ", tau.steps[i], " leads to ",
               tau.steps[i] - *tau.stride, " although the next one is at ", tau.steps[i - 1]);
  }
  return tau;
}

VisitedSteps of_official_code(TauKind kind, std::int64_t num_steps, std::int64_t T) {
  const bool is_linear = kind == TauKind::linear_code;
  VisitedSteps tau{is_linear ? linear_code(num_steps, T) : quadratic_code(num_steps, T), ""};
  if (num_steps == 1) {
    tau.note = concat(to_string(kind),
                      ": with one step the official code starts at t = 0, from noise that it takes "
                      "for an almost clean image");
  } else if (std::ssize(tau.steps) != num_steps) {
    tau.note =
        concat(to_string(kind), ": the official code's list has ", tau.steps.size(),
               is_linear ? " steps" : " distinct steps", ", not the ", num_steps, " requested");
  }
  return tau;
}

}  // namespace

void check_num_steps(std::int64_t num_steps, std::int64_t T) {
  require(num_steps >= 1 && num_steps <= T, "steps must be between 1 and ", T,
          " (the training steps); got ", num_steps);
}

VisitedSteps make_tau(TauKind kind, std::int64_t num_steps, std::int64_t T,
                      std::int64_t steps_offset) {
  require(T >= 1 && T <= Schedule::kMaxSteps, "tau: T is ", T, "; expected 1 to ",
          Schedule::kMaxSteps);
  check_num_steps(num_steps, T);
  require(steps_offset >= 0 && steps_offset < T, "steps_offset: ", steps_offset, "; expected 0 to ",
          T - 1);
  require(steps_offset == 0 || kind == TauKind::diffusers_leading,
          "steps_offset works only with tau diffusers-leading; got ", steps_offset);
  switch (kind) {
    case TauKind::linear:
      return {linear(num_steps, T), ""};
    case TauKind::quadratic:
      return {quadratic(num_steps, T), ""};
    case TauKind::trailing:
      return {trailing(num_steps, T), ""};
    case TauKind::leading:
      return {leading(num_steps, T), ""};
    case TauKind::linspace:
      return {linspace(num_steps, T), ""};
    case TauKind::linear_code:
    case TauKind::quadratic_code:
      return of_official_code(kind, num_steps, T);
    case TauKind::diffusers_leading:
      return of_diffusers(diffusers_leading(num_steps, T, steps_offset), num_steps, T);
    case TauKind::diffusers_trailing:
      return of_diffusers(diffusers_trailing(num_steps, T), num_steps, T);
    case TauKind::diffusers_linspace:
      return of_diffusers(diffusers_linspace(num_steps, T), num_steps, T);
    case TauKind::log_snr:
      break;
  }
  fail(ErrorCode::user, "tau: ", to_string(kind), " has no whole numbers; see make_trajectory");
}

}  // namespace ddim::engine::diffusion
