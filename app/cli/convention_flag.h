#pragma once

#include <ddim/preset.h>

#include "choice_flag.h"
#include "plan_flags.h"

namespace ddim::cli {

/// --as paper|diffusers: whose sampler is meant where no other flag says.
class ConventionFlag {
 public:
  void add_to(Command command);
  bool given() const { return option_.given(); }

  /// The complete options for this model and one line that says what is in force. Throws
  /// Error(user), naming both, when --as and another flag contradict each other.
  Preset preset(const PlanFlags& plan, const Model& model) const;

 private:
  enum class Convention { paper, diffusers };
  void refuse_contradictions(const PlanFlags& plan) const;

  ChoiceFlag<Convention> convention_{
      {{"paper", Convention::paper}, {"diffusers", Convention::diffusers}}};
  Option option_;
};

}  // namespace ddim::cli
