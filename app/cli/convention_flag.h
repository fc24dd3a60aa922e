#pragma once

#include <ddim/preset.h>

#include "choice_flag.h"
#include "plan_flags.h"

namespace ddim::cli {

enum class Convention { paper, diffusers };

}  // namespace ddim::cli

template <>
struct ddim::Names<ddim::cli::Convention> {
  using Convention = cli::Convention;
  static constexpr Named<Convention> kAll[] = {{Convention::paper, "paper"},
                                               {Convention::diffusers, "diffusers"}};
  static constexpr std::span<const Named<Convention>> all() { return kAll; }
};

namespace ddim::cli {

/// --as paper|diffusers: whose sampler is meant where no other flag says.
class ConventionFlag {
 public:
  void add_to(Command command);
  bool given() const { return option_.given(); }

  /// The complete options for this model and one line that says what is in force. Errors as
  /// refuse_contradictions().
  /// `options` are those of the flags.
  Preset preset(const PlanFlags& plan, const PlanOptions& options, const Model& model) const;
  /// Error(user), naming both, when --as and another flag contradict each other.
  void refuse_contradictions(const PlanFlags& plan) const;

 private:
  ChoiceFlag<Convention> convention_;
  Option option_;
};

}  // namespace ddim::cli
