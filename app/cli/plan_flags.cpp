#include "plan_flags.h"

#include <map>

namespace ddim::cli {
namespace {

const std::map<std::string, TauKind> kTauKinds = {{"linear", TauKind::linear},
                                                  {"quadratic", TauKind::quadratic},
                                                  {"linear-code", TauKind::linear_code},
                                                  {"quadratic-code", TauKind::quadratic_code}};
const std::map<std::string, Clip> kClips = {
    {"none", Clip::none}, {"keep-eps", Clip::keep_eps}, {"rederive-eps", Clip::rederive_eps}};

}  // namespace

PlanFlags::PlanFlags(CLI::App& command) {
  constexpr const char* kGroup = "Steps";
  command.add_option("--steps", options_.steps, "Steps to take, 1 to T")
      ->envname("DDIM_STEPS")
      ->capture_default_str()
      ->group(kGroup);
  command
      .add_option("--tau", options_.tau,
                  "Which of the T steps are taken: linear, quadratic (the paper's text), "
                  "linear-code, quadratic-code (its published code)")
      ->transform(CLI::CheckedTransformer(kTauKinds).description(""))
      ->default_str("linear")
      ->type_name("KIND")
      ->group(kGroup);
  CLI::Option* eta = command.add_option("--eta", eta_, "Noise of each step: 0 is DDIM, 1 is DDPM")
                         ->capture_default_str()
                         ->group(kGroup);
  command
      .add_flag("--sigma-hat", sigma_hat_,
                "DDPM's larger variance instead of an eta (the paper's sigma-hat)")
      ->excludes(eta)
      ->group(kGroup);
  command
      .add_flag(
          "--clip{keep-eps}", clip_,
          "Clamp the predicted x_0 to [-1, 1] in each step. --clip keeps the network's eps (as "
          "diffusers does); --clip=rederive-eps computes eps again")
      ->check(CLI::IsMember(kClips).description(""))
      ->group(kGroup);
}

PlanOptions PlanFlags::options() const {
  PlanOptions options = options_;
  options.eta = sigma_hat_ ? Eta(SigmaHat{}) : Eta(eta_);
  options.clip = kClips.at(clip_);
  return options;
}

}  // namespace ddim::cli
