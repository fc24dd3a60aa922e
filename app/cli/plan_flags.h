#pragma once

#include <ddim/plan.h>

#include "choice_flag.h"
#include "tau_flags.h"

namespace ddim::cli {

/// The flags that say which steps a sampler takes and how: --steps, --tau, --sampler, --eta,
/// --sigma-hat, --clip and what belongs to them.
class PlanFlags {
 public:
  void add_to(Command command);
  /// Reads the file of --tau @FILE. Throws Error(user) for flags that contradict each other, naming
  /// both, and for a file that holds something other than numbers; Error(io) when it cannot be
  /// read.
  PlanOptions options() const;
  /// The names of those that the user gave, by whatever means: "--tau".
  std::vector<std::string> given() const;

 private:
  void refuse_contradictions() const;

  TauFlags tau_;
  ChoiceFlag<Sampler> sampler_;
  double eta_ = 0.0;
  bool sigma_hat_ = false;
  ChoiceFlag<Clip> clip_{{{"none", Clip::none},
                          {"keep-eps", Clip::keep_eps},
                          {"rederive-eps", Clip::rederive_eps},
                          {"threshold-keep-eps", Clip::threshold_keep_eps},
                          {"threshold-rederive-eps", Clip::threshold_rederive_eps}}};
  SamplerDetails details_;
  ChoiceFlag<FinalAlpha> final_alpha_{{{"one", FinalAlpha::one}, {"first", FinalAlpha::first}}};

  std::vector<Option> all_options_;
  Option eta_option_;
  Option clip_range_option_;
  Option threshold_option_;
  Option threshold_max_option_;
  Option tolerance_option_;

 public:
  PlanFlags();
};

}  // namespace ddim::cli
