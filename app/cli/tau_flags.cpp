#include "tau_flags.h"

#include <ddim/error.h>
#include <ddim/forward_process.h>
#include <ddim/words.h>
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "number_list.h"

namespace ddim::cli {
namespace {

constexpr const char* kNames =
    "Training steps to visit: linear or quadratic (as in the paper's text), linear-code or "
    "quadratic-code (as in its published code), trailing, leading, linspace, log-snr, or "
    "diffusers-leading, diffusers-trailing or diffusers-linspace (as in diffusers' DDIMScheduler)";

bool is_file(const std::string& tau) { return tau.starts_with('@'); }
bool is_list(const std::string& tau) {
  return tau.find_first_of("0123456789") == 0 || tau.starts_with('-') || tau.starts_with('.');
}

/// Empty when there is a kind of that name; otherwise all of them.
std::string check_name(const std::string& tau) { return problem_of_word(tau, names_of<TauKind>()); }

std::string check_tau(const std::string& tau) {
  if (is_file(tau) || is_list(tau)) return "";
  const std::string problem = check_name(tau);
  return problem.empty() ? "" : problem + ", a comma-separated list of numbers, or @FILE";
}

constexpr double kMostSteps = 1e6;  ///< the greatest T

/// For a process of T steps with about the noise of the default.
void plan_for(double T, const PlanOptions& options) {
  ForwardProcess process;
  process.beta_start *= static_cast<double>(process.T) / T;
  process.beta_end *= static_cast<double>(process.T) / T;
  process.T = static_cast<std::int64_t>(std::ceil(T));
  make_plan(process, options);
}

bool is_possible(double T, const PlanOptions& options) {
  try {
    plan_for(T, options);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

void check_for_some_model(PlanOptions options) {
  double T = std::max(static_cast<double>(ForwardProcess{}.T), static_cast<double>(options.steps));
  if (const auto* list = std::get_if<std::vector<double>>(&options.tau))
    for (const double t : *list) T = std::max(T, t + 1.0);
  if (!(T <= kMostSteps) || options.steps_offset != 0) return;
  if (auto* eta = std::get_if<double>(&options.eta)) *eta = std::min(*eta, 1.0);
  try {
    plan_for(T, options);
  } catch (const Error&) {  // it may be for that T alone
    if (is_possible(kMostSteps, options)) return;
    throw;
  }
}

void TauFlags::add_to(Command command) {
  steps_option_ = command.add_option("--steps", steps_, "Number of sampling steps, 1 to T")
                      .envname("DDIM_STEPS")
                      .positive()
                      .show_default();
  tau_option_ =
      command
          .add_option("--tau", tau_,
                      fmt::format("{}; a list such as 0,10,99.5,999; or @FILE with a list", kNames))
          .check(check_tau)
          .offers(names_of<TauKind>())
          .show_default()
          .type_name("TAU")
          .excludes(steps_option_, [this] {
            return !is_own() ? ""
                             : fmt::format("leave out {}: the list of {} sets the number of steps",
                                           steps_option_.cause(), tau_option_.cause());
          });
}

void TauFlags::check() const { check_for_some_model({.steps = steps_, .tau = tau()}); }

bool TauFlags::is_own() const { return is_file(tau_) || is_list(tau_); }

Tau TauFlags::tau() const {
  if (is_file(tau_)) return read_numbers(tau_.substr(1));
  if (is_list(tau_)) return parse_numbers(tau_, "--tau");
  return *value_named<TauKind>(tau_);
}

void TauKindFlag::add_to(Command command) {
  option_ = command.add_option("--tau", tau_, kNames)
                .one_of(names_of<TauKind>())
                .show_default()
                .type_name("NAME");
}

TauKind TauKindFlag::value() const { return *value_named<TauKind>(tau_); }

}  // namespace ddim::cli
