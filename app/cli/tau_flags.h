#pragma once

#include <ddim/plan.h>

#include <CLI/CLI.hpp>
#include <string>

namespace ddim::cli {

/// Which steps are visited: --steps and --tau.
class TauFlags {
 public:
  void add_to(CLI::App& command);

  /// Whether one of them was given.
  bool steps_given() const { return steps_option_->count() > 0; }
  bool tau_given() const { return tau_option_->count() > 0; }
  std::int64_t steps() const { return steps_; }
  /// Reads the file of --tau @FILE. Error(user) for one that holds something other than numbers and
  /// for --steps beside a list; Error(io) when it cannot be read.
  Tau tau() const;

 private:
  std::int64_t steps_ = PlanOptions{}.steps;
  std::string tau_ = "linear";
  CLI::Option* steps_option_ = nullptr;
  CLI::Option* tau_option_ = nullptr;
};

/// --tau NAME alone, for commands that take many numbers of steps.
class TauKindFlag {
 public:
  void add_to(CLI::App& command);
  bool given() const { return option_->count() > 0; }
  TauKind value() const;

 private:
  std::string tau_ = "linear";
  CLI::Option* option_ = nullptr;
};

}  // namespace ddim::cli
