#include "diffusion/tau.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "diffusion/schedule.h"

namespace ddim::diffusion {
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

}  // namespace

Tau make_tau(TauKind kind, std::int64_t num_steps, std::int64_t T) {
  require(T >= 1 && T <= Schedule::kMaxSteps, "tau: T is ", T, "; expected 1 to ",
          Schedule::kMaxSteps);
  require(num_steps >= 1 && num_steps <= T, "steps: ", num_steps, " sampling steps; expected 1 to ",
          T, ", the number of training steps");
  switch (kind) {
    case TauKind::linear:
      return {linear(num_steps, T), ""};
    case TauKind::quadratic:
      return {quadratic(num_steps, T), ""};
    case TauKind::linear_code:
    case TauKind::quadratic_code:
      break;
  }
  const bool is_linear = kind == TauKind::linear_code;
  Tau tau{is_linear ? linear_code(num_steps, T) : quadratic_code(num_steps, T), ""};
  const std::string name = is_linear ? "linear-code" : "quadratic-code";
  if (num_steps == 1) {
    tau.note = name +
               ": with one step the official code starts at t = 0, from noise that it takes "
               "for an almost clean image";
  } else if (static_cast<std::int64_t>(tau.steps.size()) != num_steps) {
    tau.note =
        concat(name, ": the official code's list holds ", tau.steps.size(),
               is_linear ? " steps" : " distinct steps", " where ", num_steps, " were asked for");
  }
  return tau;
}

}  // namespace ddim::diffusion
