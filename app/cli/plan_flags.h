#pragma once

#include <ddim/plan.h>

#include <functional>

#include "choice_flag.h"
#include "tau_flags.h"

namespace ddim::cli {

/// The flags that say which steps a sampler takes and how: --steps, --tau, --sampler, --eta,
/// --sigma-hat, --clip and what belongs to them.
class PlanFlags {
 public:
  void add_to(Command command);
  /// Reads the file of --tau @FILE. Error(user) for a file that holds something other than numbers;
  /// Error(io) when it cannot be read. The same, as make_plan(), for what cannot be with any model.
  PlanOptions options() const;
  /// The same for a model of T steps: where nobody said how many, as many as it can take.
  PlanOptions fitted_to(std::int64_t T, PlanOptions options) const;
  const std::vector<Option>& all() const { return all_options_; }
  /// The names of the flags that the user gave, by whatever means: "--tau".
  std::vector<std::string> given() const;

 private:
  void add_contradictions() const;
  /// What decides which of the others have an effect. Steps of a list are not read.
  PlanOptions deciders() const;
  /// What is wrong with `option`, in words, where it has no effect beside those.
  static std::string problem_of(Option option, const PlanOptions& beside);
  std::function<std::string()> problem_of(Option option) const;
  PlanOptions options_said() const;

  TauFlags tau_;
  ChoiceFlag<Sampler> sampler_;
  double eta_ = 0.0;
  bool sigma_hat_ = false;
  ChoiceFlag<Clip> clip_;
  Clip clip_numbers_;
  ChoiceFlag<FinalAlpha> final_alpha_;
  PlanOptions others_;

  std::vector<Option> all_options_;
  Option sampler_option_;
  Option eta_option_;
  Option sigma_hat_option_;
  Option clip_option_;
  Option clip_range_option_;
  Option threshold_option_;
  Option threshold_max_option_;
  Option steps_offset_option_;
  Option tolerance_option_;
};

/// --clip of the commands that have no dynamic threshold: none, keep-eps (--clip alone),
/// rederive-eps.
class ClipFlag {
 public:
  void add_to(Command command, const std::string& description);
  Clip value() const { return clip_.value(); }

 private:
  ChoiceFlag<Clip> clip_;
};

}  // namespace ddim::cli
