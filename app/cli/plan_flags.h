#pragma once

#include <ddim/plan.h>

#include <CLI/CLI.hpp>
#include <string>

namespace ddim::cli {

/// The flags that say which steps a sampler takes: --steps, --tau, --eta, --sigma-hat, --clip.
class PlanFlags {
 public:
  explicit PlanFlags(CLI::App& command);
  PlanFlags(const PlanFlags&) = delete;
  PlanFlags& operator=(const PlanFlags&) = delete;

  PlanOptions options() const;

 private:
  PlanOptions options_;
  double eta_ = 0.0;
  bool sigma_hat_ = false;
  std::string clip_ = "none";
};

}  // namespace ddim::cli
