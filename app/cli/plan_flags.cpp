#include "plan_flags.h"

namespace ddim::cli {

void PlanFlags::add_to(CLI::App& command) {
  command.add_option("--steps", steps_, "Steps to take, 1 to T")
      ->envname("DDIM_STEPS")
      ->capture_default_str();
  tau_.add_to(command, "--tau",
              "Which of the T steps: linear, quadratic (the paper's text), linear-code, "
              "quadratic-code (its published code)");
  CLI::Option* eta = command.add_option("--eta", eta_, "Noise of each step: 0 is DDIM, 1 is DDPM")
                         ->capture_default_str();
  command
      .add_flag("--sigma-hat", sigma_hat_,
                "DDPM's larger variance instead of an eta (the paper's sigma-hat)")
      ->excludes(eta);
  clip_.add_to(
      command, "--clip", "keep-eps",
      "Clamp the predicted x_0 to [-1, 1] in each step. --clip keeps the network's eps, as "
      "diffusers does; --clip=rederive-eps computes eps again, as the paper's code does with "
      "sigma-hat");
}

PlanOptions PlanFlags::options() const {
  return {.steps = steps_,
          .tau = tau_.value(),
          .eta = sigma_hat_ ? Eta(SigmaHat{}) : Eta(eta_),
          .clip = clip_.value()};
}

}  // namespace ddim::cli
