#pragma once

#include <ddim/plan.h>

#include "choice_flag.h"

namespace ddim::cli {

/// The flags that say which steps a sampler takes: --steps, --tau, --eta, --sigma-hat, --clip.
class PlanFlags {
 public:
  void add_to(CLI::App& command);
  PlanOptions options() const;

 private:
  std::int64_t steps_ = PlanOptions{}.steps;
  ChoiceFlag<TauKind> tau_{{{"linear", TauKind::linear},
                            {"quadratic", TauKind::quadratic},
                            {"linear-code", TauKind::linear_code},
                            {"quadratic-code", TauKind::quadratic_code}}};
  double eta_ = 0.0;
  bool sigma_hat_ = false;
  ChoiceFlag<Clip> clip_{
      {{"none", Clip::none}, {"keep-eps", Clip::keep_eps}, {"rederive-eps", Clip::rederive_eps}}};
};

}  // namespace ddim::cli
