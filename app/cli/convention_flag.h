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
  /// After the plan: excludes those of its flags that a convention leaves no choice of.
  void add_to(Command command, const PlanFlags& plan);
  bool given() const { return option_.given(); }

  /// The complete options for this model and one line that says what is in force. `said` are those
  /// of the flags.
  Preset preset(const PlanFlags& plan, const PlanOptions& said, const Model& model) const;

 private:
  std::string problem_of(Option option) const;

  ChoiceFlag<Convention> convention_;
  Option option_;
};

}  // namespace ddim::cli
