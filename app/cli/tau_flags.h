#pragma once

#include <ddim/plan.h>

#include <string>

#include "command_line.h"

namespace ddim::cli {

/// Which steps are visited: --steps and --tau.
class TauFlags {
 public:
  void add_to(Command command);

  /// Whether one of them was given.
  bool steps_given() const { return steps_option_.given(); }
  bool tau_given() const { return tau_option_.given(); }
  std::int64_t steps() const { return steps_; }
  /// Reads the file of --tau @FILE. Error(user) for one that holds something other than numbers and
  /// for --steps beside a list; Error(io) when it cannot be read.
  Tau tau() const;

 private:
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
