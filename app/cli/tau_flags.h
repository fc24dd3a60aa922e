#pragma once

#include <ddim/plan.h>

#include <optional>
#include <string>

#include "command_line.h"

namespace ddim::cli {

/// Errors as make_plan() for what no model's process can take. What depends on its T and its noise
/// is left to the model.
void check_for_some_model(PlanOptions options);

/// Which steps are visited: --steps and --tau.
class TauFlags {
 public:
  void add_to(Command command);

  Option steps_option() const { return steps_option_; }
  Option tau_option() const { return tau_option_; }
  /// Before a model is loaded: errors as tau() and make_plan().
  void check() const;
  /// Nothing for steps that the user lists.
  std::optional<TauKind> kind() const { return value_named<TauKind>(tau_); }
  bool tau_given() const { return tau_option_.given(); }
  std::int64_t steps() const { return steps_; }
  /// For a model of T steps: where nobody said how many, as many as it can take.
  std::int64_t steps(std::int64_t T) const {
    return steps_option_.given() ? steps_ : usual_steps(T);
  }
  /// Reads the file of --tau @FILE. Error(user) for one that holds something other than numbers;
  /// Error(io) when it cannot be read.
  Tau tau() const;

 private:
  bool is_own() const;

  std::int64_t steps_ = PlanOptions{}.steps;
  std::string tau_ = "linear";
  Option steps_option_;
  Option tau_option_;
};

/// --tau NAME alone, for commands that take many numbers of steps.
class TauKindFlag {
 public:
  void add_to(Command command);
  bool given() const { return option_.given(); }
  TauKind value() const;

 private:
  std::string tau_ = "linear";
  Option option_;
};

}  // namespace ddim::cli
