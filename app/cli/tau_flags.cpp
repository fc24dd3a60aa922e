#include "tau_flags.h"

#include <ddim/error.h>
#include <fmt/core.h>

#include <algorithm>

#include "number_list.h"

namespace ddim::cli {
namespace {

constexpr const char* kNames =
    "Which of the T steps: linear, quadratic (the paper's text), trailing, leading, linspace, "
    "log-snr, linear-code, quadratic-code (its published code), diffusers-leading, "
    "diffusers-trailing, diffusers-linspace (steps as diffusers' DDIMScheduler computes them)";

bool is_file(const std::string& tau) { return tau.starts_with('@'); }
bool is_list(const std::string& tau) {
  return tau.find_first_of("0123456789") == 0 || tau.starts_with('-') || tau.starts_with('.');
}

/// Empty when there is a kind of that name; otherwise all of them.
std::string check_name(const std::string& tau) {
  std::string names;
  for (const TauKind kind : tau_kinds()) {
    if (to_string(kind) == tau) return "";
    names += (names.empty() ? "" : ", ") + to_string(kind);
  }
  return fmt::format("{} is none of {}", tau, names);
}

std::string check_tau(const std::string& tau) {
  if (is_file(tau) || is_list(tau)) return "";
  const std::string problem = check_name(tau);
  return problem.empty() ? "" : problem + ", numbers with commas, or @FILE";
}

TauKind kind_of(const std::string& name) {
  const std::vector<TauKind> kinds = tau_kinds();
  return *std::ranges::find(kinds, name, [](TauKind kind) { return to_string(kind); });
}

}  // namespace

void TauFlags::add_to(Command command) {
  steps_option_ = command.add_option("--steps", steps_, "Steps to take, 1 to T")
                      .envname("DDIM_STEPS")
                      .show_default();
  tau_option_ =
      command
          .add_option("--tau", tau_,
                      fmt::format("{}; a list such as 0,10,99.5,999; or @FILE with one", kNames))
          .check(check_tau)
          .show_default()
          .type_name("TAU");
}

Tau TauFlags::tau() const {
  const bool is_own = is_file(tau_) || is_list(tau_);
  if (is_own && steps_given()) {
    throw Error(ErrorCode::user,
                "--steps and a --tau that is a list contradict each other: the list says how many");
  }
  if (is_file(tau_)) return read_numbers(tau_.substr(1));
  if (is_list(tau_)) return parse_numbers(tau_, "--tau");
  return kind_of(tau_);
}

void TauKindFlag::add_to(Command command) {
  option_ =
      command.add_option("--tau", tau_, kNames).check(check_name).show_default().type_name("NAME");
}

TauKind TauKindFlag::value() const { return kind_of(tau_); }

}  // namespace ddim::cli
